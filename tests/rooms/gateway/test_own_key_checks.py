"""A key is kept once its supplier has accepted it and its workspace has stated its contract; what stands in the way is said."""

import socket
from collections.abc import AsyncGenerator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from callmissed.foundation import clock
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams, UpstreamSettings, provider_keys
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.rooms.gateway.own import HERS, HIS, OPERATORS, WRONG, bring, taking
from tests.rooms.gateway.served import serving
from tests.support.supplier import Supplier, running_supplier


@pytest.fixture
async def supplier(services: Services, tmp_path: Path) -> AsyncGenerator[Supplier]:
    """`gpt`, which takes keys; `ours`, which takes none; `claude`; and one that is down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    async with running_supplier(OPERATORS, HIS) as made:
        parts = (
            taking("gpt", made.base_url, "may"),
            taking("ours", made.base_url, "no"),
            taking("claude", made.base_url, "must", key="", kind="anthropic"),
            taking("down", nobody, "may"),
        )
        async with serving(services, tmp_path, *parts):
            yield made


async def refused(services: Services, shop: Shop, upstream: str, secret: str, **more: Any) -> str:
    with pytest.raises(Problem) as caught:
        await bring(services, shop, upstream, secret, **more)
    async with services.db.tenant(shop.access) as tx:
        assert await tx.session.scalar(text("SELECT count(*) FROM provider_key")) == 0
    return caught.value.code


@pytest.mark.parametrize("upstream", ["gpt", "claude"])
@pytest.mark.parametrize("tells_anybody", [False, True])
async def test_a_wrong_key_is_told_and_not_kept(
    upstream: str, tells_anybody: bool, supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    shop, supplier.tells_anybody = await open_shop("0"), tells_anybody
    assert await refused(services, shop, upstream, WRONG) == "own_key_wrong"
    await bring(services, shop, upstream, HIS)


async def test_one_token_is_asked_for_only_where_the_list_proves_nothing(
    supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    shop = await open_shop("0")
    await bring(services, shop, "gpt", HIS)
    assert [(each.path, each.key) for each in supplier.seen] == [("/v1/models", HIS), ("/v1/models", "")]
    supplier.tells_anybody = True
    await bring(services, shop, "gpt", HIS)
    asked = supplier.seen[-1]
    assert (asked.path, asked.key, asked.body["max_tokens"]) == ("/v1/chat/completions", HIS, 1)


@pytest.mark.parametrize(
    ("upstream", "code"),
    [("down", "upstream_unreachable"), ("ours", "own_key_not_taken"), ("local", "own_key_not_taken")],
)
async def test_what_cannot_be_asked_keeps_nothing(
    upstream: str, code: str, supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    assert await refused(services, await open_shop("0"), upstream, HIS) == code
    assert supplier.seen == []


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_an_answer_that_is_neither_yes_nor_no_keeps_nothing(
    status: int, supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    supplier.tells_anybody, supplier.answers = True, status
    code = await refused(services, await open_shop("0"), "gpt", HIS)
    assert code in {"upstream_rejected", "upstream_busy", "upstream_broken"}


TOMORROW = clock.today() + timedelta(days=1)


@pytest.mark.parametrize(
    "said",
    [
        {"excludes_training": False},
        {"contract": "  "},
        {"contract": "x" * 201},
        {"contract": "a\x07b"},
        {"contract_on": None},
        {"contract_on": TOMORROW},
        {"contract_on": date(1999, 1, 1)},
    ],
    ids=["no word", "no name", "long name", "bell", "no date", "tomorrow", "too old"],
)
async def test_without_a_contract_that_excludes_training_nothing_is_kept_or_sent(
    said: dict[str, Any], supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    assert await refused(services, await open_shop("0"), "gpt", HIS, **said) == "own_key_unstated"
    assert supplier.seen == []


@pytest.mark.parametrize(
    "secret", ["short", "x" * 401, "sk-line\r\nx-evil: 1111111", "sk-ключ-0000000000", "sk with spaces 000"]
)
async def test_what_cannot_stand_in_a_header_is_refused(
    secret: str, supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    assert await refused(services, await open_shop("0"), "gpt", secret) == "own_key_unusable"
    assert supplier.seen == []


async def test_nobody_tries_out_many_keys(
    supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    shop, other = await open_shop("0"), await open_shop("0")
    codes = [
        await refused(services, shop, "gpt", f"{WRONG}{n}") for n in range(provider_keys.CHECKS_A_MINUTE + 1)
    ]
    assert set(codes[:-1]) == {"own_key_wrong"}
    assert codes[-1] == "rate_limit_exceeded"
    assert await refused(services, other, "gpt", WRONG) == "own_key_wrong"


async def test_a_key_of_another_workspace_is_not_there(
    supplier: Supplier, services: Services, open_shop: OpenShop
) -> None:
    shop, stranger = await open_shop("0"), await open_shop("0")
    key_id = await bring(services, shop, "gpt", HIS)
    with pytest.raises(Problem) as caught:
        await provider_keys.ask_again(services, stranger.access, key_id)
    assert caught.value.code == "own_key_not_found"
    for act in (provider_keys.take_out, provider_keys.card):
        with pytest.raises(Problem) as caught:
            async with services.db.tenant(stranger.access) as tx:
                await act(tx, key_id)
        assert caught.value.code == "own_key_not_found"


async def test_a_server_without_a_key_of_the_operators_takes_none_from_him(
    services: Services, tmp_path: Path
) -> None:
    file = tmp_path / "upstreams.toml"
    for part, words in (
        (taking("gpt", "http://127.0.0.1:9/v1", "must", key=HERS), "must bring a key"),
        (taking("gpt", "http://127.0.0.1:9/v1", "perhaps"), "Invalid enum value"),
    ):
        file.write_text(part)
        with pytest.raises(ValueError, match=words) as caught:
            await Upstreams(services.db, UpstreamSettings(file=file, look=False)).start()
        assert HERS not in str(caught.value)
