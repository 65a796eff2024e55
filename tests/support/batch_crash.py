"""Kill a whole server under a batch, start it again, and compare the file of answers with the books, request by request."""

import asyncio
import json
from contextlib import suppress
from uuid import UUID

import psycopg
from openai import AsyncOpenAI
from sqlalchemy import text

from callmissed.foundation.database import Database
from callmissed.foundation.postgres import ADMIN, DATABASE
from tests.support.up import Up

CHAT = "/v1/chat/completions"
BATCH_RECORDS = text("""
SELECT u.id, u.status, u.price_micro, e.amount_micro FROM usage_record u
LEFT JOIN ledger_entry e ON e.ref = u.id AND e.kind = 'usage' AND e.tenant_id = u.tenant_id WHERE u.id >= :since
""")


def client_of(up: Up) -> AsyncOpenAI:
    """The official client with the demo's key."""
    return AsyncOpenAI(
        base_url=f"{up.links['base_url']}/v1", api_key=up.links["api_key"], max_retries=0, timeout=20
    )


async def begin(up: Up, count: int) -> str:
    """A batch of so many questions; its id."""
    lines = [
        {
            "custom_id": f"q{number}",
            "method": "POST",
            "url": CHAT,
            "body": {
                "model": "local/extractive",
                "messages": [
                    {"role": "system", "content": f"The AC service costs ₹{1000 + number}."},
                    {"role": "user", "content": "How much is the AC service?"},
                ],
            },
        }
        for number in range(count)
    ]
    async with client_of(up) as client:
        content = "\n".join(json.dumps(each) for each in lines).encode()
        file = await client.files.create(file=("questions.jsonl", content), purpose="batch")
        made = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    return made.id


async def progress(up: Up, batch_id: str) -> tuple[str, int]:
    """How far it is, and how many requests have come to an end."""
    async with client_of(up) as client:
        found = await client.batches.retrieve(batch_id)
    counts = found.request_counts
    return found.status, (counts.completed + counts.failed) if counts else 0


async def database_back(up: Up, seconds: float = 30) -> None:
    """Wait until the database server takes connections again."""
    admin = up.installation().data.dsn(ADMIN, DATABASE).psycopg
    async with asyncio.timeout(seconds):
        while True:
            with suppress(psycopg.OperationalError):
                async with await psycopg.AsyncConnection.connect(admin) as connection:
                    await connection.execute("SELECT 1")
                    return
            await asyncio.sleep(0.1)


async def until_past(up: Up, batch_id: str, done: int, seconds: float = 60) -> str:
    """Wait until more than so many requests have ended, or the batch has; its state."""
    async with asyncio.timeout(seconds):
        while True:
            state, ended = await progress(up, batch_id)
            if ended > done or state not in ("validating", "in_progress", "finalizing"):
                return state
            await asyncio.sleep(0.05)


async def answers(up: Up, batch_id: str) -> list[tuple[str, UUID, str]]:
    """Of each line of the batch's answers the custom_id, the usage id and what was said."""
    async with client_of(up) as client:
        found = await client.batches.retrieve(batch_id)
        assert found.output_file_id and not found.error_file_id
        lines = (await client.files.content(found.output_file_id)).text.splitlines()
    told = [json.loads(line) for line in lines]
    return [
        (
            each["custom_id"],
            UUID(each["response"]["request_id"]),
            each["response"]["body"]["choices"][0]["message"]["content"],
        )
        for each in told
    ]


async def charged(up: Up, since: UUID) -> tuple[list[UUID], list[UUID]]:
    """The usage ids of answered requests that were begun after that one, and of all charges among them."""
    installation = up.installation()
    database = Database(installation.data_plane("cm_verifier").sqlalchemy, installation.vault(), pool_size=1)
    try:
        async with database.control() as tx:
            rows = (await tx.session.execute(BATCH_RECORDS, {"since": since})).all()
    finally:
        await database.close()
    ok = [row.id for row in rows if row.status == "ok"]
    return ok, [row.id for row in rows if row.amount_micro]
