"""What routing adds to a call: a look-up for a model with one upstream, microseconds where there are several."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from bench.figures import Figure, against, report, waited
from callmissed.foundation.database import Database
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Upstreams, UpstreamSettings
from callmissed.gateway.catalogue import model_of
from callmissed.gateway.problems import UpstreamUnreachable
from callmissed.gateway.routing import RetryBudget
from callmissed.gateway.trip import Route, RoutingRule, Trip
from callmissed.gateway.upstreams import Asked, Gate, Limits, Piece, Replied, Terms, Work, Worked
from callmissed.gateway.upstreams.sound import TextOnly
from tests.support.installation import temporary_installation

TIMES = 20_000
PIECES = 200
ENTRY = {"upstream": "u", "price_in": "1", "price_out": "2", "context": 1000, "longest_answer": 100}
ONE, TWO = model_of({"id": "one", **ENTRY}), model_of({"id": "one", **ENTRY, "order": 1})
ASKED = Asked("one", [{"role": "user", "content": "Namaste"}], Access.system(uuid7()))


class Instant(TextOnly):
    """Answers at once, or is never reached: what is left is what routing costs."""

    def __init__(self, *, reached: bool = True) -> None:
        self.terms = Terms("instant", "IN", "a benchmark")
        self.taking = None
        self._reached = reached

    def check(self, asked: Asked) -> None:
        """It can do everything."""

    async def reply(self, asked: Asked) -> Replied:
        """A whole answer."""
        if not self._reached:
            raise UpstreamUnreachable
        return Replied(b"[]", asked.model)

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """Many pieces."""
        for _ in range(PIECES):
            yield Piece(b"[]", asked.model)

    async def work(self, work: Work) -> Worked:
        """A document."""
        return Worked(work.model.encode())

    async def close(self) -> None:
        """Nothing to close."""


def main() -> None:
    """Measure and report."""
    with temporary_installation() as installation:
        db = Database(installation.data_plane("cm_app").sqlalchemy, installation.vault())
        report("routing", asyncio.run(measured(db)))


async def measured(db: Database) -> list[Figure]:
    """Each figure beside the same call without routing, in the same run."""
    upstreams = Upstreams(db, UpstreamSettings(look=False))
    await upstreams.start()
    known = {"local/extractive": upstreams.route("local/extractive")}
    good, gone = Instant(), Instant(reached=False)
    usual, counted = Gate(), Gate(Limits(concurrency=64))

    async def plain() -> None:
        known["local/extractive"]

    async def looked_up() -> None:
        upstreams.route("local/extractive")

    def gated(gate: Gate) -> Callable[[], Awaitable[Replied]]:
        async def ask() -> Replied:
            async with gate:
                return await good.reply(ASKED)

        return ask

    async def direct() -> Replied:
        return await good.reply(ASKED)

    def trip(*order: Instant) -> Trip:
        routes = [Route(model, each) for model, each in zip((ONE, TWO), order, strict=True)]
        return Trip([routes], RoutingRule(), RetryBudget(), "one")

    async def first() -> Replied:
        return await trip(good, good).reply(ASKED)

    async def second() -> Replied:
        return await trip(gone, good).reply(ASKED)

    async def read(pieces: AsyncGenerator[Piece]) -> None:
        async for _ in pieces:
            pass

    bare, alone = await waited(plain, TIMES), await waited(direct, TIMES)
    streamed = await waited(lambda: read(good.stream(ASKED)), 500) / PIECES
    through = await waited(lambda: read(trip(good, good).stream(ASKED)), 500) / PIECES
    return [
        against("find the one route of a model", await waited(looked_up, TIMES), "µs", bare),
        against("pass a gate with a breaker", await waited(gated(usual), TIMES), "µs", alone),
        against("pass a gate with a breaker and places", await waited(gated(counted), TIMES), "µs", alone),
        against("two routes, the first answers", await waited(first, TIMES), "µs", alone),
        against("two routes, the second answers", await waited(second, TIMES), "µs", alone),
        against("a piece of a stream over two routes", through, "µs", streamed),
    ]
