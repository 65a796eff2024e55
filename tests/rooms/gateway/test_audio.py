"""Speech with the official client, unchanged, against the gateway as it is served, and suppliers with words of their own behind it."""

import struct
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import openai
import pytest
from sqlalchemy import text

from callmissed.foundation.services import Services
from callmissed.gateway import read_content
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.served import served, serving, upstream
from tests.support.patience import until
from tests.support.recordings import recording, vorbis
from tests.support.sound_peer import SPOKEN, SoundPeer, running_sound_peer

HEARS = {
    "kind": '"transcription"',
    "price_in": '"36"',
    "price_out": '"0"',
    "longest_answer": "0",
    "context": "60",
}
SPEAKS = {"kind": '"speech"', "price_in": '"10"', "price_out": '"0"', "longest_answer": "0", "context": "100"}
SECOND = 10_000
"""Micro-rupees, at 36 rupees an hour."""
LETTER = 1_000
"""Likewise, at 10 rupees for 10,000."""


SERVICES = ["stt", "tts"]


@pytest.fixture(scope="module")
async def sounds() -> AsyncGenerator[SoundPeer]:
    async with running_sound_peer() as peer:
        yield peer


@pytest.fixture
async def shop(
    services: Services, sounds: SoundPeer, tmp_path: Path, open_shop: OpenShop
) -> AsyncGenerator[Shop]:
    """A shop while three suppliers speak and hear."""
    parts: list[str] = []
    for kind, base, key in (
        ("openai", "/v1", "sk-theirs"), ("deepgram", "/v1", "dg-theirs"), ("sarvam", "", "sv-theirs"),
    ):  # fmt: skip
        models = [
            served(f"{kind}/{each}", each, **HEARS) for each in ("ear", "longer", "wordy", "garbage", "500")
        ]
        models += [
            served(f"{kind}/{each}-voice", each, **SPEAKS)
            for each in ("good", "mute", "breaks", "odd", "slow")
        ]
        models.append(served(f"{kind}/talks", "good"))
        parts.append(
            upstream(kind, sounds.address + base, models).replace(
                f'name = "{kind}"\n', f'name = "{kind}"\nkind = "{kind}"\napi_key = "{key}"\n', 1
            )
        )
    async with serving(services, tmp_path, *parts):
        yield await open_shop(permissions=SERVICES)


async def test_a_recording_is_written_down_and_paid_by_the_second(
    shop: Shop, client_of: ClientOf, sounds: SoundPeer
) -> None:
    heard = await client_of(shop).audio.transcriptions.create(
        model="openai/ear", file=("call.wav", recording()), language="hi", prompt="Asha", temperature=0.5
    )
    assert heard.text == "Namaste, kal aaiye."
    asked = sounds.asked[-1]
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.headers["authorization"] == "Bearer sk-theirs"
    assert asked.file == recording()
    assert asked.members == {
        "model": "ear", "language": "hi", "prompt": "Asha", "temperature": "0.5", "response_format": "json",
    }  # fmt: skip
    [row] = await shop.rows()
    assert (row["endpoint"], row["unit"], row["units"], row["price_micro"]) == (
        "audio.transcriptions", "second", 3, 3 * SECOND,
    )  # fmt: skip
    assert (row["tokens_in"], row["tokens_out"]) == (0, 0)
    assert await shop.adds_up()


@pytest.mark.parametrize("kind", ["openai", "deepgram", "sarvam"])
async def test_words_and_moments_come_from_every_supplier(
    kind: str, shop: Shop, client_of: ClientOf, sounds: SoundPeer
) -> None:
    heard = await client_of(shop).audio.transcriptions.create(
        model=f"{kind}/ear",
        file=("call.wav", recording()),
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert heard.words
    assert heard.words[0].start < heard.words[0].end
    assert heard.segments
    assert heard.segments[0].end == pytest.approx(2.3, abs=0.2)
    assert heard.duration == pytest.approx(2.4)
    assert {"openai": "hindi", "deepgram": "hi", "sarvam": "or"}[kind] == heard.language
    asked = sounds.asked[-1]
    assert asked.file == recording()
    if kind == "deepgram":
        assert asked.headers["authorization"] == "Token dg-theirs"
        assert asked.headers["content-type"] == "audio/wav"
        assert asked.query == {
            "model": "ear", "mip_opt_out": "true", "smart_format": "true", "utterances": "true", "detect_language": "true",
        }  # fmt: skip
    if kind == "sarvam":
        assert asked.headers["api-subscription-key"] == "sv-theirs"
        assert asked.members == {
            "model": "ear", "mode": "transcribe", "language_code": "unknown", "with_timestamps": "true",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "begins"),
    [
        ("text", "Namaste, kal aaiye.\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:02,400\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 -->"),
    ],
)
async def test_it_is_written_as_it_is_wished(
    written: Any, begins: str, shop: Shop, client_of: ClientOf
) -> None:
    heard: Any = await client_of(shop).audio.transcriptions.create(
        model="openai/ear", file=("call.wav", recording()), response_format=written
    )
    assert str(heard).startswith(begins)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
async def test_a_translation_is_asked_where_there_is_one(
    shop: Shop, client_of: ClientOf, sounds: SoundPeer
) -> None:
    client = client_of(shop)
    await client.audio.translations.create(model="openai/ear", file=("call.wav", recording()))
    assert sounds.asked[-1].path == "/v1/audio/translations"
    await client.audio.translations.create(model="sarvam/ear", file=("call.wav", recording()))
    assert sounds.asked[-1].members["mode"] == "translate"
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.translations.create(model="deepgram/ear", file=("call.wav", recording()))
    assert refused.value.code == "unsupported_parameter"


@pytest.mark.parametrize("kind", ["openai", "deepgram", "sarvam"])
async def test_a_text_is_spoken_and_paid_by_the_character(
    kind: str, shop: Shop, client_of: ClientOf, sounds: SoundPeer
) -> None:
    spoken = await client_of(shop).audio.speech.create(
        model=f"{kind}/good-voice",
        voice="Asha",
        input="नमस्ते",
        response_format="opus",
        extra_body={"language": "hi"},
    )
    assert spoken.content == SPOKEN
    assert spoken.response.headers["content-type"] == "audio/mpeg"
    assert spoken.response.headers["cm-cost-inr"] == "0.006000"
    asked = sounds.asked[-1]
    if kind == "openai":
        assert asked.members == {
            "model": "good", "input": "नमस्ते", "voice": "Asha", "response_format": "opus", "language": "hi",
        }  # fmt: skip
    if kind == "deepgram":
        assert asked.members == {"text": "नमस्ते"}
        assert asked.query == {
            "model": "good-Asha-hi",
            "mip_opt_out": "true",
            "encoding": "opus",
            "container": "ogg",
        }
    if kind == "sarvam":
        assert asked.members == {
            "text": "नमस्ते", "target_language_code": "hi-IN", "model": "good", "output_audio_codec": "opus",
            "speech_sample_rate": 24000, "pace": 1.0, "speaker": "asha",
        }  # fmt: skip
    [row] = await shop.rows()
    assert (row["unit"], row["units"], row["price_micro"]) == ("character", 6, 6 * LETTER)
    assert await shop.adds_up()


async def test_sound_is_sound_whatever_its_maker_calls_it(shop: Shop, client_of: ClientOf) -> None:
    spoken = await client_of(shop).audio.speech.create(
        model="openai/odd-voice", voice="x", input="x", response_format="wav"
    )
    assert spoken.response.headers["content-type"] == "audio/wav"


@pytest.mark.parametrize("kind", ["openai", "deepgram", "sarvam"])
@pytest.mark.parametrize("fault", ["garbage", "500", "mute", "breaks"])
async def test_what_fails_costs_nothing(kind: str, fault: str, shop: Shop, client_of: ClientOf) -> None:
    client = client_of(shop)
    if fault in ("garbage", "500"):
        with pytest.raises(openai.InternalServerError) as failed:
            await client.audio.transcriptions.create(model=f"{kind}/{fault}", file=("call.wav", recording()))
        assert failed.value.code == "upstream_broken"
    elif fault == "mute":
        with pytest.raises(openai.InternalServerError):
            await client.audio.speech.create(model=f"{kind}/mute-voice", voice="x", input="x")
    else:  # it had begun: the connection ends before the sound does, and the client sees that
        with pytest.raises(openai.APIConnectionError):
            await client.audio.speech.create(model=f"{kind}/breaks-voice", voice="x", input="x")
    [row] = await shop.rows()
    assert (row["status"], row["price_micro"]) == ("failed", 0)
    assert await shop.adds_up()


async def test_who_hangs_up_has_heard_and_pays(shop: Shop, base_url: str) -> None:
    body = {"model": "openai/slow-voice", "voice": "x", "input": "x" * 50}
    async with (
        httpx.AsyncClient() as client,
        client.stream(
            "POST", f"{base_url}/v1/audio/speech", json=body, headers={"authorization": f"Bearer {shop.key}"}
        ) as spoken,
    ):
        assert spoken.status_code == 200
        async for _ in spoken.aiter_raw():
            break

    async def is_paid() -> bool:
        rows = await shop.rows()
        return [(row["status"], row["price_micro"]) for row in rows] == [("cancelled", 50 * LETTER)]

    assert await until(is_paid)
    assert await shop.adds_up()


async def test_a_recording_that_says_less_than_it_holds_is_refused_unpaid(
    shop: Shop, client_of: ClientOf
) -> None:
    short = (
        "call.ogg",
        vorbis(19, told=2.4),
    )  # by its own account; 500 seconds by that of whoever heard it, or too many words
    for model in ("openai/longer", "deepgram/longer", "sarvam/wordy"):
        with pytest.raises(openai.BadRequestError) as refused:
            await client_of(shop).audio.transcriptions.create(model=model, file=short)
        assert refused.value.code == "recording_misleads"
    assert not any(row["price_micro"] for row in await shop.rows())
    heard = await client_of(shop).audio.transcriptions.create(model="openai/ear", file=short)
    assert heard.text
    assert (await shop.rows())[-1]["units"] == 3
    assert await shop.adds_up()


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (recording(61), "recording_too_long"),
        (b"", "recording_unreadable"),
        (b"\x1a\x45\xdf\xa3webm", "recording_unreadable"),
        (recording()[:30], "recording_unreadable"),
        (recording()[:20] + struct.pack("<H", 2) + recording()[22:], "recording_unreadable"),
        (recording(0), "recording_unreadable"),
        (recording()[:36] + recording()[12:], "recording_unreadable"),
        (recording()[:32] + b"\x08" + recording()[33:], "recording_unreadable"),
        (b"\xff\xfb" + b"\xff" * 200_000, "recording_unreadable"),
        (b"ID3" + bytes(200), "recording_unreadable"),
        (b"OggS" + bytes(200), "recording_unreadable"),
        (b"fLaC" + bytes(200), "recording_unreadable"),
        (bytes(4) + b"ftypM4A " + bytes(200), "recording_unreadable"),
    ],
    ids=[
        "long",
        "empty",
        "webm",
        "cut",
        "coding",
        "silent",
        "twice",
        "blocks",
        "noise",
        "mp3",
        "ogg",
        "flac",
        "mp4",
    ],
)
async def test_what_cannot_be_heard_is_refused_before_it_costs(
    file: bytes, code: str, shop: Shop, client_of: ClientOf
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client_of(shop).audio.transcriptions.create(model="openai/ear", file=("call.wav", file))
    assert refused.value.code == code
    assert not await shop.rows()


async def test_wrong_members_are_named(shop: Shop, client_of: ClientOf, sounds: SoundPeer) -> None:
    client, before = client_of(shop), len(sounds.asked)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"model": "openai/good-voice"}, "model_unsuited"),
        ({"response_format": "diarized_json"}, "invalid_request"),
        ({"language": "x y"}, "invalid_request"),
        ({"timestamp_granularities": ["word"]}, "invalid_request"),
        ({"stream": True}, "unsupported_parameter"),
        ({"model": "deepgram/ear", "extra_body": {"callback": "http://10.0.0.1/"}}, "unsupported_parameter"),
        ({"model": "sarvam/ear", "extra_body": {"mode": "sing"}}, "unsupported_parameter"),
        ({"extra_body": {"url": "http://10.0.0.1/long.wav"}}, "unsupported_parameter"),
    ]
    for members, code in wrong:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.audio.transcriptions.create(
                **{"model": "openai/ear", "file": ("a.wav", recording()), **members}
            )
        assert refused.value.code == code, members
    for members, code in (
        ({"input": ""}, "invalid_request"),
        ({"input": "x" * 101}, "text_too_long"),
        ({"speed": 9}, "invalid_request"),
        ({"response_format": "exe"}, "invalid_request"),
        ({"voice": "../x?y"}, "invalid_request"),
        ({"stream_format": "sse"}, "unsupported_parameter"),
        ({"extra_body": {"ref_audio": "http://10.0.0.1/"}}, "unsupported_parameter"),
        ({"model": "sarvam/good-voice", "instructions": "softly"}, "unsupported_parameter"),
        ({"model": "openai/ear"}, "model_unsuited"),
    ):
        spoken: dict[str, Any] = {"model": "openai/good-voice", "voice": "x", "input": "x", **members}
        with pytest.raises(openai.BadRequestError) as refused:
            await client.audio.speech.create(**spoken)
        assert refused.value.code == code, members
    assert len(sounds.asked) == before


async def test_a_retry_under_a_key_is_not_paid_twice(shop: Shop, base_url: str, sounds: SoundPeer) -> None:
    headers = {"authorization": f"Bearer {shop.key}", "idempotency-key": "call-7"}
    before = len(sounds.asked)
    answers: list[bytes] = []
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as client:
        for _ in range(2):  # each with a boundary of its own
            heard = await client.post(
                "/v1/audio/transcriptions",
                data={"model": "openai/ear"},
                files={"file": ("a.wav", recording())},
            )
            answers.append(heard.raise_for_status().content)
        other = await client.post(
            "/v1/audio/transcriptions", data={"model": "openai/ear"}, files={"file": ("a.wav", recording(3))}
        )
    assert answers[0] == answers[1]
    assert other.status_code == 409
    assert len(sounds.asked) == before + 1
    assert len(await shop.rows()) == 1


async def test_a_key_without_the_service_neither_speaks_nor_hears(
    open_shop: OpenShop, client_of: ClientOf, shop: Shop
) -> None:
    client = client_of(await open_shop(permissions=["llm"]))
    with pytest.raises(openai.PermissionDeniedError):
        await client.audio.speech.create(model="openai/good-voice", voice="x", input="x")
    with pytest.raises(openai.PermissionDeniedError):
        await client.audio.transcriptions.create(model="openai/ear", file=("a.wav", recording()))


async def test_of_a_call_the_log_keeps_words_and_no_sound(
    shop: Shop, open_shop: OpenShop, client_of: ClientOf, base_url: str
) -> None:
    firm = await open_shop(permissions=SERVICES, options=("prompt_log", "cache"))
    client = client_of(firm)
    form = httpx.Request("POST", base_url, data={"model": "openai/ear"}, files={"file": recording()})
    kind = form.headers["content-type"].replace("multipart/form-data", "Multipart/Form-Data")
    headers = {"authorization": f"Bearer {firm.key}", "content-type": kind}  # however its sender writes it
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as sender:
        await sender.post("/v1/audio/transcriptions", content=form.read())
    await client.audio.speech.create(model="openai/good-voice", voice="alloy", input="Namaste")

    async def kept() -> bool:
        async with shop.services.db.tenant(firm.books) as tx:
            return await tx.session.scalar(text("SELECT count(*) FROM prompt_log")) == 2

    assert await until(kept)
    heard, spoken = await firm.rows()
    async with shop.services.db.tenant(firm.access) as tx:
        first = await read_content(tx, UUID(str(heard["id"])))
        second = await read_content(tx, UUID(str(spoken["id"])))
    assert (first.asked, first.answered["text"]) == ("", "Namaste, kal aaiye.")
    assert (second.asked["input"], second.answered) == ("Namaste", "")
