"""A process that reserves and settles as fast as it can, and says on its output what was acknowledged: made to be killed.

Reads from standard input: the database login, then the tenants' ids on one line. Writes `S <ref>` before a request is begun
and `A <ref>` once its settlement was acknowledged, unbuffered, so that what was read was said.
"""

import asyncio
import os
import sys
from random import Random
from uuid import UUID

from callmissed.billing import Ledger, Usage
from callmissed.foundation.ids import uuid7

CONCURRENT = 32
USAGE = Usage(
    endpoint="chat.completions", model="local/extractive", upstream="local", region="IN", status="ok", http_status=200,
    tokens_in=7, tokens_out=5, price_in_micro=20_000_000, price_out_micro=60_000_000,
)  # fmt: skip


def say(word: str, ref: UUID) -> None:
    """One line in one write: short enough to be whole or absent."""
    os.write(1, f"{word} {ref}\n".encode())


async def work(ledger: Ledger, tenants: list[UUID], chance: Random) -> None:
    """Request after request, some of which fail and are given back."""
    while True:
        tenant, ref = chance.choice(tenants), uuid7()
        say("S", ref)
        await ledger.reserve(tenant, ref, 2_000)
        await ledger.settle(tenant, ref, chance.randint(1, 1_000), USAGE)
        say("A", ref)


async def main() -> None:
    """Work until killed."""
    dsn, ids = sys.stdin.readline().strip(), sys.stdin.readline().split()
    ledger = Ledger(dsn)
    tenants = [UUID(each) for each in ids]
    await asyncio.gather(*(work(ledger, tenants, Random(n)) for n in range(CONCURRENT)))


if __name__ == "__main__":
    asyncio.run(main())
