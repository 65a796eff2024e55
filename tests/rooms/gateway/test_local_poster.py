"""The poster that this machine sets, with the official client: pictures of the size that was asked for, in nine scripts and Latin."""

import base64
import io
import time
from typing import Any

import openai
import pytest
from PIL import Image

from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop

PRICE = 250_000
SCRIPTS = {
    "latin": "Diwali sale, ₹499 only", "devanagari": "सुबह की चाय", "bengali": "আমার সোনার বাংলা", "gurmukhi": "ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ",
    "gujarati": "નમસ્તે", "oriya": "ନମସ୍କାର", "tamil": "வணக்கம்", "telugu": "నమస్కారం", "kannada": "ನಮಸ್ಕಾರ",
    "malayalam": "നമസ്കാരം", "mixed": "Namaste—नमस्ते, வணக்கம்!",
}  # fmt: skip


@pytest.fixture
async def shop(open_shop: OpenShop) -> Shop:
    return await open_shop(permissions=["image"])


async def made(client: openai.AsyncOpenAI, prompt: str, **more: Any) -> list[bytes]:
    answer = await client.images.generate(model="local/poster", prompt=prompt, **more)
    return [base64.b64decode(each.b64_json or "") for each in answer.data or ()]


async def test_a_poster_has_the_size_and_the_form_that_was_asked_for(shop: Shop, client_of: ClientOf) -> None:
    client = client_of(shop)
    for form, size in (("png", "1024x512"), ("jpeg", "64x64"), ("webp", "300x600")):
        [first, second] = await made(client, "A chai stall at dawn", n=2, size=size, output_format=form)
        with Image.open(io.BytesIO(first)) as picture:
            picture.load()
            assert (f"{picture.width}x{picture.height}", (picture.format or "").lower()) == (size, form)
        assert first != second
    assert [row["price_micro"] for row in await shop.rows()] == [2 * PRICE] * 3
    assert await shop.adds_up()


async def test_the_same_seed_makes_the_same_poster(shop: Shop, client_of: ClientOf) -> None:
    client = client_of(shop)
    one, same, other = [
        await made(client, "Tea", size="256x256", n=3, extra_body={"seed": seed}) for seed in (7, 7, 8)
    ]
    assert one == same != other
    assert len(set(one)) == 3


@pytest.mark.parametrize("script", SCRIPTS)
async def test_every_script_is_set_in_letters_of_its_own(
    script: str, shop: Shop, client_of: ClientOf
) -> None:
    client = client_of(shop)
    [written] = await made(client, SCRIPTS[script], size="256x256", extra_body={"seed": 3})
    [shorter] = await made(client, SCRIPTS[script][:-1], size="256x256", extra_body={"seed": 3})
    assert written != shorter


async def test_what_it_cannot_do_is_refused_unpaid(shop: Shop, client_of: ClientOf) -> None:
    client = client_of(shop)
    for members, code in (
        ({"prompt": "tea ☕"}, "prompt_unfit"),
        ({"prompt": "中"}, "prompt_unfit"),
        ({"prompt": "\x00"}, "prompt_unfit"),
        ({"prompt": "w" * 300, "size": "64x64"}, "prompt_unfit"),
        ({"prompt": "w" * 301}, "prompt_too_long"),
        ({"size": "4096x2048"}, "invalid_request"),
        ({"quality": "high"}, "unsupported_parameter"),
        ({"background": "transparent"}, "unsupported_parameter"),
        ({"extra_body": {"steps": 4}}, "unsupported_parameter"),
        ({"extra_body": {"user": 4}}, "unsupported_parameter"),
    ):
        asked: dict[str, Any] = {"prompt": "x", **members}
        with pytest.raises(openai.BadRequestError) as refused:
            await made(client, **asked)
        assert refused.value.code == code, members
    assert not any(row["price_micro"] for row in await shop.rows())
    assert await shop.adds_up()


async def test_the_largest_are_set_in_a_moment(shop: Shop, client_of: ClientOf) -> None:
    began = time.monotonic()
    pictures = await made(client_of(shop), "घर " * 100, n=4, size="2048x2048", output_format="webp")
    assert len(pictures) == 4
    assert time.monotonic() - began < 20
