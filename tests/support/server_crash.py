"""Kill a whole server under the load of its API, start it again, and reconcile request by request."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import httpx
import procrastinate
import psycopg
from sqlalchemy import text

from callmissed.billing import reconcile
from callmissed.foundation.database import Database
from callmissed.foundation.postgres import ADMIN, DATABASE
from tests.support.up import Up

CONCURRENT = 32
QUESTIONS = ("What are your opening hours?", "How much is an AC service?", "What warranty do I get?")
LEFT_BEHIND = text("""
SELECT (SELECT coalesce(array_agg(id), '{}') FROM usage_record) AS used,
  (SELECT coalesce(array_agg(ref), '{}') FROM ledger_entry WHERE kind = 'usage') AS charged,
  (SELECT coalesce(array_agg(id), '{}') FROM usage_record WHERE price_micro > 0) AS priced,
  (SELECT coalesce(array_agg(id), '{}') FROM wallet_hold) AS held
""")


@dataclass
class Told:
    """What the clients know: how many requests they sent, and the usage ids of the answers they received whole."""

    sent: int = 0
    answered: list[UUID] = field(default_factory=list[UUID])
    refused: Counter[int] = field(default_factory=Counter[int])


@dataclass
class Books:
    """What is written down: usage records, charges and holds of all tenants, and the reconciliation's figures."""

    used: list[UUID]
    charged: list[UUID]
    priced: list[UUID]
    held: list[UUID]
    figures: dict[str, int]

    def lost(self, told: Told) -> int:
        """Answers that a client has and the books do not, in full."""
        return len(set(told.answered) - set(self.used)) + len(set(told.answered) - set(self.charged))

    @property
    def doubled(self) -> int:
        """Records and entries beyond one for each request."""
        return len(self.used) - len(set(self.used)) + len(self.charged) - len(set(self.charged))

    def invented(self, told: Told) -> int:
        """Records beyond the requests ever sent, and charges without their record or the other way round."""
        return max(0, len(self.used) - told.sent) + len(set(self.priced) ^ set(self.charged))

    @property
    def wrong(self) -> dict[str, int]:
        """What the reconciliation found wrong."""
        return {name: value for name, value in self.figures.items() if name.startswith("wrong_") and value}


async def crash_under_load(up: Up, told: Told, seconds: float, *, everything: bool) -> None:
    """Ask with 32 clients at once; that many seconds after the first answer of this life, SIGKILL."""
    headers = {"authorization": f"Bearer {up.links['api_key']}"}
    limits = httpx.Limits(max_connections=CONCURRENT)
    first = asyncio.Event()
    async with httpx.AsyncClient(base_url=up.links["base_url"], headers=headers, limits=limits) as client:
        asking = [asyncio.create_task(_ask(client, told, first, number)) for number in range(CONCURRENT)]
        await asyncio.wait_for(first.wait(), 20)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(up.kill, everything=everything)
        await asyncio.gather(*asking)


async def _ask(client: httpx.AsyncClient, told: Told, first: asyncio.Event, number: int) -> None:
    """Ask until the server is gone. An answer counts once its last byte is here."""
    chance = Random(number)
    while True:
        question = {"role": "user", "content": chance.choice(QUESTIONS)}
        body = {"model": "local/extractive", "messages": [question]}
        told.sent += 1
        try:
            answer = await client.post("/v1/chat/completions", json=body)
        except httpx.TransportError:
            return
        if answer.status_code == httpx.codes.OK:
            told.answered.append(UUID(answer.headers["cm-usage-id"]))
            first.set()
        else:
            told.refused[answer.status_code] += 1
            await asyncio.sleep(0.05)


async def books(up: Up) -> Books:
    """Read what is written down, with the role that sees all tenants and changes nothing."""
    installation = up.installation()
    database = Database(installation.data_plane("cm_verifier").sqlalchemy, installation.vault(), pool_size=1)
    try:
        async with database.control() as tx:
            row = (await tx.session.execute(LEFT_BEHIND)).one()
            figures = (await reconcile(tx)).figures
    finally:
        await database.close()
    return Books(row.used, row.charged, row.priced, row.held, dict(figures))


async def sweep(up: Up) -> Books:
    """Let the orphaned holds grow old, have the running server's own worker sweep them, and read the books again."""
    installation = up.installation()
    admin = installation.data.dsn(ADMIN, DATABASE).psycopg
    async with await psycopg.AsyncConnection.connect(admin) as connection:
        await connection.execute("UPDATE wallet_hold SET created_at = created_at - interval '16 minutes'")
    queue = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=installation.data_plane("cm_worker").psycopg)
    )
    async with queue.open_async():
        await queue.configure_task("billing.release_orphans", allow_unknown=True).defer_async(timestamp=0)
    for _ in range(100):
        found = await books(up)
        if not found.held:
            return found
        await asyncio.sleep(0.1)
    return await books(up)
