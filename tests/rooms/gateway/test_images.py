"""Pictures with the official client, unchanged, against the gateway as it is served, and a supplier with words of its own behind it."""

import base64
from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import openai
import pytest

from callmissed.foundation.problems import NotFound
from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams, provider_keys, read_content
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.served import served, serving, upstream
from tests.support.patience import until
from tests.support.picture_peer import PicturePeer, png, running_picture_peer

PICTURED = {
    "kind": '"image"',
    "price_in": '"0.5"',
    "price_out": '"0"',
    "longest_answer": "0",
    "context": "4000",
}
PRICE = 500_000
"""Micro-rupees of one."""
BEHAVIOURS = (
    "good", "partial", "more", "none", "address", "page", "crooked", "wordy", "garbage", "endless", "slow", "400", "429", "500",
    "gpt-image-9",
)  # fmt: skip


@pytest.fixture(scope="module")
async def maker() -> AsyncGenerator[PicturePeer]:
    async with running_picture_peer() as peer:
        yield peer


@pytest.fixture
async def shop(
    services: Services, maker: PicturePeer, tmp_path: Path, open_shop: OpenShop
) -> AsyncGenerator[Shop]:
    """A shop while a supplier in India makes pictures, one abroad, and one that is down before another that is not."""
    models = [served(f"maker/{each}", each, **PICTURED) for each in BEHAVIOURS]
    models.append(served("maker/talks", "good"))
    head = 'name = "maker"\napi_key = "sk-theirs"\nown_keys = "may"\n'
    parts = [upstream("maker", maker.base_url, models).replace('name = "maker"\n', head, 1)]
    parts.append(upstream("abroad", maker.base_url, [served("abroad/good", "good", **PICTURED)], region="US"))
    both = served("both/good", "500", **PICTURED)
    parts.append(upstream("down", maker.base_url, [both]))
    parts.append(upstream("up", maker.base_url, [{**both, "served_as": '"good"', "order": "1"}]))
    async with serving(services, tmp_path, *parts):
        yield await open_shop(permissions=["image"])


async def test_pictures_are_made_and_paid_one_by_one(
    shop: Shop, client_of: ClientOf, maker: PicturePeer
) -> None:
    raw = await client_of(shop).images.with_raw_response.generate(
        model="maker/good", prompt="A chai stall", n=2, size="512x768", quality="high", user="u1",
        response_format="b64_json", extra_body={"negative_prompt": "rain", "seed": 7, "steps": 20},
    )  # fmt: skip
    made = raw.parse()
    assert made.data
    assert [base64.b64decode(each.b64_json or "") for each in made.data] == [png(0), png(1)]
    assert (made.output_format, made.size) == ("png", "512x768")
    said = raw.headers
    assert (said["cm-cost-inr"], said["cm-upstream"], said["cm-processed-in"]) == ("1.000000", "maker", "IN")
    assert maker.keys[-1] == "Bearer sk-theirs"
    assert maker.asked[-1] == {
        "model": "good", "prompt": "A chai stall", "n": 2, "size": "512x768", "quality": "high", "user": "u1",
        "negative_prompt": "rain", "seed": 7, "steps": 20, "response_format": "b64_json",
    }  # fmt: skip
    [row] = await shop.rows()
    assert (row["endpoint"], row["unit"], row["units"], row["price_micro"]) == (
        "images.generations", "image", 2, 2 * PRICE,
    )  # fmt: skip
    assert (row["tokens_in"], row["tokens_out"], row["id"]) == (0, 0, UUID(said["cm-usage-id"]))
    assert await shop.adds_up()


@pytest.mark.parametrize(("behaviour", "delivered"), [("partial", 1), ("more", 3)])
async def test_what_is_delivered_is_charged_and_no_more_than_was_asked(
    behaviour: str, delivered: int, shop: Shop, client_of: ClientOf
) -> None:
    made = await client_of(shop).images.generate(model=f"maker/{behaviour}", prompt="x", n=3)
    assert len(made.data or ()) == delivered
    [row] = await shop.rows()
    assert (row["units"], row["price_micro"]) == (delivered, delivered * PRICE)
    assert await shop.adds_up()


@pytest.mark.parametrize(
    "fault", ["none", "address", "page", "crooked", "garbage", "endless", "500", "429", "400"]
)
async def test_what_fails_costs_nothing(fault: str, shop: Shop, client_of: ClientOf) -> None:
    with pytest.raises(openai.APIStatusError) as failed:
        await client_of(shop).images.generate(model=f"maker/{fault}", prompt="x", n=2)
    code = {"429": "upstream_busy", "400": "upstream_rejected"}.get(fault, "upstream_broken")
    assert failed.value.code == code
    assert "169.254" not in failed.value.response.text
    [row] = await shop.rows()
    assert (row["status"], row["price_micro"]) == ("failed", 0)
    assert await shop.adds_up()


async def test_who_hangs_up_before_there_is_a_picture_pays_nothing(shop: Shop, base_url: str) -> None:
    headers = {"authorization": f"Bearer {shop.key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=0.15) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/images/generations", json={"model": "maker/slow", "prompt": "x"})

    async def is_over() -> bool:
        return [(row["status"], row["price_micro"]) for row in await shop.rows()] == [("cancelled", 0)]

    assert await until(is_over)
    assert await shop.adds_up()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": "maker/talks"}, "model_unsuited"),
    ({"prompt": ""}, "invalid_request"),
    ({"prompt": " \n"}, "invalid_request"),
    ({"prompt": "x" * 4_001}, "invalid_request"),
    ({"n": 0}, "invalid_request"),
    ({"n": 5}, "invalid_request"),
    ({"size": "63x64"}, "invalid_request"),
    ({"size": "64x4097"}, "invalid_request"),
    ({"size": "1024"}, "invalid_request"),
    ({"size": "9" * 5_000 + "x64"}, "invalid_request"),
    ({"output_format": "tiff"}, "invalid_request"),
    ({"extra_body": {"steps": 51}}, "invalid_request"),
    ({"extra_body": {"seed": 2**60}}, "invalid_request"),
    ({"extra_body": {"negative_prompt": 3}}, "invalid_request"),
    ({"response_format": "url"}, "unsupported_parameter"),
    ({"extra_body": {"stream": True}}, "unsupported_parameter"),
    ({"extra_body": {"num_images": 40}}, "unsupported_parameter"),
    ({"extra_body": {"image": "http://10.0.0.1/"}}, "unsupported_parameter"),
    ({"extra_body": {"webhook": "http://10.0.0.1/"}}, "unsupported_parameter"),
]


async def test_wrong_members_are_named_before_anything_is_asked(
    shop: Shop, client_of: ClientOf, maker: PicturePeer
) -> None:
    before = len(maker.asked)
    for members, code in WRONG:
        asked: dict[str, Any] = {"model": "maker/good", "prompt": "x", **members}
        with pytest.raises(openai.BadRequestError) as refused:
            await client_of(shop).images.generate(**asked)
        assert refused.value.code == code, members
    assert len(maker.asked) == before
    assert not await shop.rows()


async def test_null_means_whatever_we_think_best(shop: Shop, client_of: ClientOf, maker: PicturePeer) -> None:
    await client_of(shop).images.generate(
        model="maker/gpt-image-9", prompt="x", size="auto", extra_body={"style": None, "n": None}
    )
    assert maker.asked[-1] == {"model": "gpt-image-9", "prompt": "x", "size": "auto"}
    made = await client_of(shop).images.generate(model="maker/wordy", prompt="tea")
    assert made.data
    assert made.data[0].revised_prompt == "A cup of tea, in the morning light"


async def test_a_quote_tells_what_will_be_charged(shop: Shop, base_url: str) -> None:
    headers = {"authorization": f"Bearer {shop.key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as client:
        asked = {"model": "maker/good", "prompt": "x", "n": 3}
        quote = (await client.post("/v1/quote", json=asked)).raise_for_status().json()
        [row] = quote["models"]
        assert (quote["held"], row["at_most"], quote["units"], quote["unit"]) == ("1.5", "1.5", 3, "image")
        assert row["pricing"] == {"currency": "INR", "unit": "picture", "input": 0.5}
        made = (await client.post("/v1/images/generations", json=asked)).raise_for_status()
        assert made.headers["cm-cost-inr"] == "1.500000"
        told = (await client.get("/v1/generation", params={"id": made.headers["cm-usage-id"]})).json()["data"]
        assert (told["unit"], told["units"], told["total_cost"]) == ("image", 3, "1.5")
        for wrong, status in (
            ({**asked, "n": 9}, 400),
            ({**asked, "model": "no/such"}, 400),
            ({"n": 1}, 400),
        ):
            assert (await client.post("/v1/quote", json=wrong)).status_code == status


async def test_nobody_is_asked_without_money(
    open_shop: OpenShop, shop: Shop, client_of: ClientOf, maker: PicturePeer
) -> None:
    poor, before = await open_shop("1", permissions=["image"]), len(maker.asked)
    with pytest.raises(openai.APIStatusError) as refused:
        await client_of(poor).images.generate(model="maker/good", prompt="x", n=3)
    assert refused.value.status_code == 402
    assert len(maker.asked) == before
    await client_of(poor).images.generate(model="maker/good", prompt="x", n=2)
    assert [row["price_micro"] for row in await poor.rows()][-1] == 2 * PRICE
    assert await poor.adds_up()


async def test_another_answers_where_one_fails_and_nothing_leaves_india(
    shop: Shop, client_of: ClientOf
) -> None:
    raw = await client_of(shop).images.with_raw_response.generate(model="both/good", prompt="x")
    assert (raw.headers["cm-upstream"], raw.headers["cm-attempts"]) == ("up", "2")
    raw = await client_of(shop).images.with_raw_response.generate(
        model="maker/500", prompt="x", extra_body={"models": ["maker/good"]}
    )
    assert (raw.headers["cm-model"], raw.headers["cm-fallback-for"]) == ("maker/good", "maker/500")
    with pytest.raises(openai.PermissionDeniedError) as refused:
        await client_of(shop).images.generate(model="abroad/good", prompt="x")
    assert refused.value.code == "outside_india"


async def test_a_retry_under_a_key_is_not_paid_twice(shop: Shop, base_url: str, maker: PicturePeer) -> None:
    headers = {"authorization": f"Bearer {shop.key}", "idempotency-key": "poster-7"}
    before = len(maker.asked)
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as client:
        asked = [
            await client.post("/v1/images/generations", json={"model": "maker/good", "prompt": "x"})
            for _ in range(2)
        ]
        other = await client.post("/v1/images/generations", json={"model": "maker/good", "prompt": "y"})
    assert asked[0].content == asked[1].content
    assert other.status_code == 409
    assert (len(maker.asked), len(await shop.rows())) == (before + 1, 1)


async def test_a_key_needs_the_service_and_may_use_its_own_account(
    open_shop: OpenShop, shop: Shop, client_of: ClientOf, maker: PicturePeer, services: Services
) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        await client_of(await open_shop(permissions=["llm", "tts"])).images.generate(
            model="maker/good", prompt="x"
        )
    firm = await open_shop("0", permissions=["image"])
    wish = provider_keys.Wish(
        "maker", "maker-own-canary-8812", "Agreement", date(2026, 1, 1), excludes_training=True
    )
    async with services.db.tenant(firm.access) as tx:
        await provider_keys.bring(
            tx, provider_keys.Proven(wish, services.get(Upstreams).taker("maker").server)
        )
    await client_of(firm).images.generate(model="maker/good", prompt="x")
    assert maker.keys[-1] == "Bearer maker-own-canary-8812"
    [row] = await firm.rows()
    assert (row["own_key"], row["price_micro"]) == (True, 0)


async def test_the_log_keeps_words_and_no_pictures_and_the_mask_covers_them(
    shop: Shop, open_shop: OpenShop, client_of: ClientOf, maker: PicturePeer
) -> None:
    firm = await open_shop(permissions=["image"], options=("prompt_log", "cache", "masking"))
    await client_of(firm).images.generate(model="maker/good", prompt="Card for 98765 43210")
    assert "98765" not in maker.asked[-1]["prompt"]
    [row] = await firm.rows()
    assert str(row["options"]).startswith("masked=")

    async def kept() -> bool:
        try:
            async with shop.services.db.tenant(firm.access) as tx:
                content = await read_content(tx, UUID(str(row["id"])))
        except NotFound:
            return False
        assert content.asked["prompt"].startswith("Card for")
        assert content.answered == ""
        return True

    assert await until(kept)
