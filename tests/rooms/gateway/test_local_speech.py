"""The voice and the ear of an installation without keys, with the official client against the gateway as it is served."""

import asyncio
import io
import shutil
import wave
from typing import Any

import httpx
import openai
import pytest

from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.support.patience import until
from tests.support.recordings import compressed, recording

SERVICES = ["stt", "tts"]
speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not on this machine")


@speaks
async def test_this_machine_speaks_to_itself(
    open_shop: OpenShop, client_of: ClientOf, upstreams: object
) -> None:
    shop = await open_shop(permissions=SERVICES)
    client = client_of(shop)
    spoken = await client.audio.speech.create(
        model="local/espeak",
        voice="en",
        input="I want to book an appointment for Monday.",
        response_format="wav",
    )
    with wave.open(io.BytesIO(spoken.content)) as file:
        assert file.getnframes() / file.getframerate() > 1.5
    heard = await client.audio.transcriptions.create(
        model="local/sphinx",
        file=("a.wav", spoken.content),
        prompt="I want to book an appointment for Monday. What does it cost?",
    )
    assert heard.text == "i want to book an appointment for monday"
    guessed = await client.audio.transcriptions.create(model="local/sphinx", file=("a.wav", spoken.content))
    assert "appointment" in guessed.text
    hindi = await client.audio.speech.create(
        model="local/espeak",
        voice="",
        input="नमस्ते, आपका स्वागत है।",
        response_format="wav",
        extra_body={"language": "hi-IN"},
    )
    assert len(hindi.content) > 40_000
    assert [row["unit"] for row in await shop.rows()] == ["character", "second", "second", "character"]
    assert await shop.adds_up()


@speaks
async def test_this_machine_says_what_it_cannot(
    open_shop: OpenShop, client_of: ClientOf, upstreams: object
) -> None:
    client = client_of(await open_shop(permissions=SERVICES))
    for members in (
        {"response_format": "mp3"},
        {"extra_body": {"language": "fr"}},
        {"extra_body": {"sample_rate": 8000}},
    ):
        said: dict[str, Any] = {"model": "local/espeak", "voice": "", "input": "x", **members}
        with pytest.raises(openai.BadRequestError):
            await client.audio.speech.create(**said)
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.speech.create(model="local/espeak", voice="", input="9 " * 700, speed=0.25)
    assert refused.value.code == "text_too_long"
    for wrong in ({"language": "hi"}, {"file": ("a.mp3", compressed(100))}):
        asked: dict[str, Any] = {"model": "local/sphinx", "file": ("a.wav", recording()), **wrong}
        with pytest.raises(openai.BadRequestError):
            await client.audio.transcriptions.create(**asked)


async def test_nothing_that_speaks_outlives_its_reader(
    open_shop: OpenShop, base_url: str, upstreams: object
) -> None:
    shop = await open_shop(permissions=SERVICES)
    headers = {"authorization": f"Bearer {shop.key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as client:
        hearing = client.post(
            "/v1/audio/transcriptions",
            data={"model": "local/sphinx"},
            files={"file": ("a.wav", recording(60))},
        )
        task = asyncio.create_task(hearing)
        await asyncio.sleep(0.6)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def is_left() -> bool:
        rows = await shop.rows()
        return [(row["status"], row["price_micro"]) for row in rows] == [("cancelled", 0)]

    assert await until(is_left, 10)
