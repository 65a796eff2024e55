"""Kill a ledger writer at a random moment and look at what it left: shared by the fault suite and the benchmark."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from sqlalchemy import text

from callmissed.app.installation import Installation
from callmissed.billing import Ledger, grant, reconcile
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access

LEFT_BEHIND = text("""
SELECT (SELECT coalesce(array_agg(id), '{}') FROM usage_record) AS used,
  (SELECT coalesce(array_agg(ref), '{}') FROM ledger_entry WHERE kind = 'usage') AS charged,
  (SELECT coalesce(array_agg(id), '{}') FROM wallet_hold) AS held
""")


@dataclass
class Wreck:
    """What one killed process had said, and what of it is in the database."""

    started: set[UUID]
    acknowledged: set[UUID]
    used: list[UUID] = field(default_factory=list[UUID])
    charged: list[UUID] = field(default_factory=list[UUID])
    held: list[UUID] = field(default_factory=list[UUID])
    lived_ms: int = 0

    @property
    def lost(self) -> int:
        """Acknowledged requests that are not there in full."""
        return len(self.acknowledged - set(self.used)) + len(self.acknowledged - set(self.charged))

    @property
    def doubled(self) -> int:
        """Records and entries beyond one for each request."""
        return len(self.used) - len(set(self.used)) + len(self.charged) - len(set(self.charged))

    @property
    def invented(self) -> int:
        """Records that nobody asked for, or one without the other."""
        return len(set(self.used) - self.started) + len(set(self.used) ^ set(self.charged))


async def tenants_with_money(services: Services, count: int) -> list[Access]:
    """Tenants that cannot run dry in a test."""
    made = [Access.system(uuid7()) for _ in range(count)]
    for access in made:
        async with services.db.tenant(access) as tx:
            await grant(tx, rupees(100_000), "grant", uuid7())
    return made


async def crash_once(
    services: Services, installation: Installation, tenants: Sequence[Access], chance: Random
) -> Wreck:
    """Let a writer run, kill it with SIGKILL 20 to 400 ms after its first acknowledgement, and read what is left."""
    dsn = installation.data_plane("cm_app").asyncpg
    others = await _writers(services)
    lines, lived_ms = await asyncio.to_thread(
        _run_and_kill, dsn, [a.tenant_id for a in tenants], chance.uniform(0.02, 0.4)
    )
    said = [(line[0], UUID(line[2:])) for line in lines if len(line) == 38]  # the last line may be cut
    wreck = Wreck({ref for _, ref in said}, {ref for word, ref in said if word == "A"}, lived_ms=lived_ms)
    await _until_the_server_noticed(services, others)
    for access in tenants:
        async with services.db.tenant(access) as tx:
            row = (await tx.session.execute(LEFT_BEHIND)).one()
        wreck.used += row.used
        wreck.charged += row.charged
        wreck.held += row.held
    return wreck


def _run_and_kill(dsn: str, tenants: list[UUID], seconds: float) -> tuple[list[str], int]:
    command = [sys.executable, "-m", "tests.support.ledger_writer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(f"{dsn}\n{' '.join(map(str, tenants))}\n")
        child.stdin.flush()
        lines: list[str] = []
        deadline = time.monotonic() + 30
        while not any(line.startswith("A") for line in lines[-1:]) and time.monotonic() < deadline:
            lines.append(child.stdout.readline().rstrip("\n"))
        began = time.monotonic()
        timer = _kill_after(child, seconds)
        lines += [line.rstrip("\n") for line in child.stdout]
        timer.cancel()
    return lines, round((time.monotonic() - began) * 1000)


def _kill_after(child: "subprocess.Popen[str]", seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, child.send_signal, [signal.SIGKILL])
    timer.start()
    return timer


async def _writers(services: Services) -> int:
    """How many sessions of ledgers the server has."""
    ours = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ledger'")
    async with services.db.control() as tx:
        return int((await tx.session.execute(ours)).scalar() or 0)


async def _until_the_server_noticed(services: Services, others: int) -> None:
    """Wait until the dead writer's own sessions have ended: a statement it had sent may still be under way, and commits."""
    for _ in range(500):
        if await _writers(services) <= others:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the server keeps the sessions of a dead process")


async def settle_the_wreck(ledger: Ledger, services: Services, tenants: Sequence[Access]) -> dict[str, int]:
    """Give orphaned holds back as the sweeper does, then reconcile all tenants together: figures, `wrong_…` summed."""
    total: dict[str, int] = {}
    for access in tenants:
        async with services.db.tenant(access) as tx:
            held = list((await tx.session.execute(text("SELECT id FROM wallet_hold"))).scalars())
        for ref in held:
            await ledger.release(access.tenant_id, ref)
        async with services.db.tenant(access) as tx:
            figures = (await reconcile(tx)).figures
        total = {name: total.get(name, 0) + value for name, value in figures.items()}
    return total
