"""kill -9 at random moments under load: 200 times the ledger's writer, 20 times the whole server.

Lost, doubled and invented are counted request by request, and their target is nothing. Reference: what was acknowledged, or
received whole by a client, before the kills.
"""

import asyncio
import statistics
from collections.abc import Iterator
from random import Random

from bench.figures import Figure, against, report
from callmissed.app.installation import Installation
from callmissed.app.wiring import wired
from callmissed.billing import Ledger
from callmissed.foundation.services import Services
from tests.support.crash import Wreck, crash_once, settle_the_wreck, tenants_with_money
from tests.support.installation import temporary_installation
from tests.support.server_crash import Told, books, crash_under_load, sweep
from tests.support.up import Up, temporary_up

WRITER_KILLS = 200
SERVER_KILLS = 20


def main() -> None:
    """Kill, reconcile and report."""
    with temporary_installation() as installation:
        figures = asyncio.run(writers(installation))
    with temporary_up() as up:
        figures += asyncio.run(whole_servers(up))
    report("crash", figures)


def verdict(of: str, lost: int, doubled: int, invented: int, wrong: int) -> Iterator[Figure]:
    """The four figures that must be nothing."""
    for name, value in (
        ("lost", lost),
        ("doubled", doubled),
        ("invented", invented),
        ("wrong in reconciliation", wrong),
    ):
        yield Figure(f"{of}: {name}", value, "requests", 0)


async def writers(installation: Installation) -> list[Figure]:
    """Kill the ledger's writer, a process of its own with 32 requests under way, again and again."""
    chance, wrecks, wrong, billed = Random(200), list[Wreck](), 0, 0
    async with wired(installation) as services:
        for number in range(WRITER_KILLS):
            wreck, figures = await one_writer(services, installation, chance)
            wrecks.append(wreck)
            billed += figures["billed_requests"]
            wrong += sum(value for name, value in figures.items() if name.startswith("wrong_"))
            if number % 20 == 19:
                print(f"   {number + 1} writers killed", flush=True)
    acknowledged = sum(len(each.acknowledged) for each in wrecks)
    lost, doubled, invented = (
        sum(getattr(each, name) for each in wrecks) for name in ("lost", "doubled", "invented")
    )
    lived_seconds = sum(each.lived_ms for each in wrecks) / 1000
    return [
        Figure("ledger writer: kills", len(wrecks), "kills", WRITER_KILLS, "higher"),
        *verdict("ledger writer", lost, doubled, invented, wrong),
        Figure("ledger writer: acknowledged", acknowledged, "requests", None, "higher"),
        against("ledger writer: recorded", billed, "requests", acknowledged, better="higher"),
        Figure(
            "ledger writer: holds orphaned and given back", sum(len(each.held) for each in wrecks), "holds"
        ),
        Figure("ledger writer: settled while it lived", acknowledged / lived_seconds, "1/s", None, "higher"),
    ]


async def one_writer(
    services: Services, installation: Installation, chance: Random
) -> tuple[Wreck, dict[str, int]]:
    """One life and death of a writer, and the reconciliation after it."""
    tenants = await tenants_with_money(services, 3)
    wreck = await crash_once(services, installation, tenants, chance)
    return wreck, await settle_the_wreck(services.get(Ledger), services, tenants)


async def whole_servers(up: Up) -> list[Figure]:
    """Kill `callmissed up` under 32 clients; every second time its databases with it, as a power cut would."""
    chance, told, restarts, orphaned = Random(20), Told(), list[float](), 0
    lost = doubled = invented = wrong = left = 0
    up.start()
    for number in range(SERVER_KILLS):
        await crash_under_load(up, told, chance.uniform(0.05, 1.2), everything=number % 2 == 1)
        left += len(up.survivors())
        restarts.append(up.start())
        found = await books(up)
        lost, doubled, invented = (
            lost + found.lost(told),
            doubled + found.doubled,
            invented + found.invented(told),
        )
        wrong += sum(found.wrong.values())
        orphaned = len(found.held)
        print(f"   {number + 1} servers killed, {len(told.answered)} answers", flush=True)
    swept = await sweep(up)
    return [
        Figure("whole server: kills", len(restarts), "kills", SERVER_KILLS, "higher"),
        *verdict("whole server", lost, doubled, invented, wrong),
        Figure("whole server: answers received whole", len(told.answered), "requests", None, "higher"),
        against("whole server: recorded", len(swept.used), "requests", len(told.answered), better="higher"),
        Figure("whole server: holds orphaned", orphaned, "holds"),
        Figure("whole server: holds left after the sweep", len(swept.held), "holds", 0),
        Figure("whole server: processes left behind", left, "processes", 0),
        Figure("whole server: ready again after a kill, median", statistics.median(restarts), "s", 10),
        Figure("whole server: ready again after a kill, longest", max(restarts), "s", 10),
    ]


if __name__ == "__main__":
    main()
