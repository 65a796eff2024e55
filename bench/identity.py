"""Identity on the hot path: what a request costs before it is known who sends it, and what signing in takes.

Keys are measured in CPU time of this process, as the median of many rounds of one call after another. Reference: a bare
dictionary look-up under an HMAC of the secret, which nothing that keeps only keyed hashes can undercut. A session is looked
up in the database each time, so that it ends everywhere at once; it is measured by the clock, beside a bare transaction.
"""

import asyncio
import hmac
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine
from hashlib import sha256
from typing import Any

from sqlalchemy import text

from bench.figures import Figure, report
from callmissed.app.wiring import wired
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.identity import (
    KeyLimits,
    KeyRing,
    create_key,
    key_format,
    mint_token,
    onboarding,
    sessions,
    sign_in,
)
from callmissed.identity.service.accounts import account_for
from tests.support.installation import temporary_installation
from tests.support.mailbox import newest_code
from tests.support.people import workspace_of_someone
from tests.support.signed_in import token_of

ROUNDS = 30
CALLS = 500
TARGET_US = 20.0
LIMITS = KeyLimits(
    models=("local/*", "peer/good"),
    origins=("https://shop.example",),
    networks=("203.0.113.0/24", "2001:db8::/32"),
)


def main() -> None:
    """Measure and report."""
    with temporary_installation() as installation:
        asyncio.run(_with(wired(installation), measure))


async def _with(services: Any, work: Callable[[Services], Coroutine[Any, Any, None]]) -> None:
    async with services as made:
        await work(made)


async def measure(services: Services) -> None:
    """Every figure beside the bare look-up."""
    ring = services.get(KeyRing)
    plain, narrow = await _keys(services)
    known = await ring.resolve(plain)
    token = mint_token(services.vault, known, 300, None, None).token
    secret = services.vault.keyring.secret("pepper")
    bare = {hmac.digest(secret, plain.encode(), sha256): known}

    async def reference() -> None:
        assert bare.get(hmac.digest(secret, plain.encode(), sha256)) is known

    async def narrowed() -> None:
        key = await ring.resolve(narrow)
        key.from_where("https://shop.example", "203.0.113.7")
        key.use("llm")
        key.ask("local/extractive")

    stranger = key_format.mint()
    base = await _cost(reference)
    figures = [
        _figure("a known key", await _cost(lambda: ring.resolve(plain)), base, TARGET_US),
        _figure("a known key, with every restriction asked", await _cost(narrowed), base, TARGET_US),
        _figure("a token of a known key", await _cost(lambda: ring.resolve(token)), base),
        _figure("an unknown key, asked again", await _cost(lambda: _refused(ring, stranger)), base),
        _figure("a mistyped key", await _cost(lambda: _refused(ring, plain[:-1] + "~")), base),
        Figure("a key's first call: two transactions", await _first(services), "ms", None),
        *await _people(services),
    ]
    report("identity", figures)


async def _keys(services: Services) -> tuple[str, str]:
    """Two keys of a new workspace: one with nothing but its services, one with every restriction."""
    async with services.db.control() as tx:
        user = await account_for(tx, f"p{uuid7().hex}@namuna.example", "en")
    owner = onboarding.new_tenant(user.id)
    async with services.db.tenant(owner) as tx:
        await onboarding.found(
            tx, user.id, onboarding.Introduction("Asha Namuna", "Namuna Repairs", adult=True)
        )
        plain = await create_key(tx, "plain")
        narrow = await create_key(tx, "narrow", limits=LIMITS)
    return plain.secret, narrow.secret


async def _people(services: Services) -> list[Figure]:
    """A page view of somebody who is signed in, and signing in from the address to the session, in milliseconds."""
    reader = services.get(sessions.SessionReader)
    owner = await workspace_of_someone(services)
    visitor = _Browser({reader.cookie: await token_of(services, owner)})
    bare = await _milliseconds(lambda: _nothing(services))
    seen = await _milliseconds(lambda: reader.access(visitor))
    entered = round(statistics.median([await _sign_in(services) for _ in range(ROUNDS)]), 3)
    return [
        Figure("a session, and what it may do here", seen, "ms", None, "lower", bare, round(seen / bare, 2)),
        Figure(
            "signing in: a code asked for and typed",
            entered,
            "ms",
            None,
            "lower",
            bare,
            round(entered / bare, 2),
        ),
    ]


class _Browser:
    """A connection, as far as sessions look at it."""

    def __init__(self, cookies: dict[str, str]) -> None:
        self.cookies = cookies


async def _nothing(services: Services) -> None:
    async with services.db.control() as tx:
        await tx.session.execute(text("SELECT 1"))


async def _sign_in(services: Services) -> float:
    """Milliseconds to ask for a code and to be let in with it; reading the letter takes none of it."""
    address = f"p{uuid7().hex}@namuna.example"
    began = time.perf_counter()
    async with services.db.control() as tx:
        asked = await sign_in.ask(tx, address, uuid7().hex, "en")
    sent = time.perf_counter()
    held, code = sign_in.Held(asked.token), await newest_code(services, address)
    read = time.perf_counter()
    async with services.db.control() as tx:
        if isinstance(await sign_in.redeem(tx, held, code, uuid7().hex, "Firefox"), Problem):
            raise SystemExit("a good code was refused")
    return (time.perf_counter() - read + sent - began) * 1e3


async def _milliseconds(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds for one call, by the clock: the median."""
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1e3)
    return round(statistics.median(times), 3)


async def _refused(ring: KeyRing, secret: str) -> None:
    try:
        await ring.resolve(secret)
    except Problem:
        return
    raise SystemExit("a key that is none was accepted")


async def _cost(call: Callable[[], Awaitable[object]]) -> float:
    """Microseconds of CPU time for one call, warm: the median of the rounds."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        await asyncio.sleep(0.05)  # beats are heard between rounds, as between the requests of a server
        await call()
        began = time.process_time()
        for _ in range(CALLS):
            await call()
        rounds.append((time.process_time() - began) / CALLS * 1e6)
    return statistics.median(rounds)


async def _first(services: Services) -> float:
    """Milliseconds until a key is known that was not."""
    times: list[float] = []
    for _ in range(10):
        secret, _narrow = await _keys(services)
        began = time.perf_counter()
        await services.get(KeyRing).resolve(secret)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def _figure(name: str, value: float, reference: float, target: float | None = None) -> Figure:
    return Figure(
        name, round(value, 2), "µs CPU", target, "lower", round(reference, 2), round(value / reference, 2)
    )


if __name__ == "__main__":
    main()
