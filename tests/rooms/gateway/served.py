"""Upstreams as an operator writes them, in place of those of the process for as long as a test needs them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams, UpstreamSettings
from callmissed.identity import residency
from tests.rooms.gateway.conftest import Shop
from tests.support.peer import Peer

HI: list[Any] = [{"role": "user", "content": "Namaste"}]
PRICE = {"price_in": '"100"', "price_out": '"200"', "context": "8000", "longest_answer": "1000"}


def upstream(
    name: str,
    base_url: str,
    models: Sequence[Mapping[str, str]],
    *,
    region: str = "IN",
    limits: str = "breaker = false",
) -> str:
    """One `[[upstream]]` with its models; members are TOML, those of PRICE unless they say otherwise."""
    head = f"""
[[upstream]]
name = "{name}"
base_url = "{base_url}"
region = "{region}"
contract = "written down"
[upstream.timeouts]
connect = 0.5
first_byte = 0.5
idle = 0.5
[upstream.limits]
{limits}
"""
    parts = [
        "[[upstream.model]]\n" + "".join(f"{key} = {value}\n" for key, value in {**PRICE, **model}.items())
        for model in models
    ]
    return head + "".join(parts)


def served(model_id: str, as_: str, **more: str) -> dict[str, str]:
    """A model's entry."""
    return {"id": f'"{model_id}"', "served_as": f'"{as_}"', **more}


@asynccontextmanager
async def serving(
    services: Services, home: Path, *parts: str, india_only: bool = True
) -> AsyncGenerator[Upstreams]:
    """The process offers what these parts of a file say, until the end of the block."""
    file = home / "upstreams.toml"
    file.write_text("".join(parts))
    before = services.get(Upstreams)
    made = Upstreams(services.db, UpstreamSettings(file=file, look=False, india_only=india_only))
    await made.start()
    services.put(made)
    try:
        yield made
    finally:
        services.put(before)
        await made.stop()


def asked_as(peer: Peer, since: int) -> list[str]:
    """What the peer was asked for, after so many requests."""
    return [each["body"]["model"] for each in peer.asked[since:]]


async def let_leave(services: Services, shop: Shop) -> None:
    """The shop's owner agrees that its content may leave India."""
    async with services.db.tenant(shop.access) as tx:
        await residency.let_leave_india(tx, agreed=True, told=["US"])


async def keep(services: Services, shop: Shop) -> None:
    """The shop's owner takes that back."""
    async with services.db.tenant(shop.access) as tx:
        await residency.keep_in_india(tx)
