"""An erasure that is killed in the middle is gone on with, from the step it had reached, and leaves nothing behind."""

import asyncio
import os
import subprocess
import sys
import time
from random import Random

import pytest
from sqlalchemy import insert, update

from callmissed import conversations
from callmissed.app.installation import Installation
from callmissed.conversations.models import Message
from callmissed.foundation import clock, receipts
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import erasing
from callmissed.identity.models import Closing, ClosingNotice
from callmissed.identity.repository import closing as closing_sql
from tests.support.closing import Firm, close, firm_at_work, rows_left

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow]

MESSAGES = 3_000


async def chatty_firm(services: Services) -> Firm:
    """A workspace with thousands of messages, so that removing them takes a while."""
    firm = await firm_at_work(services)
    async with services.db.tenant(firm.owner) as tx:
        thread = await conversations.thread(tx, firm.conversation_id)
        rows = [
            {
                "tenant_id": firm.tenant_id,
                "id": uuid7(),
                "conversation_id": firm.conversation_id,
                "contact_id": thread.contact_id,
                "ordinal": 10 + number,
                "author": "contact",
                "citations": [],
                "price_micro": 0,
            }
            for number in range(MESSAGES)
        ]
        await tx.session.execute(insert(Message), rows)
    return firm


async def make_due(services: Services, closing: Closing) -> None:
    """The thirty days are over and everybody has been told."""
    async with services.db.control() as tx:
        notices = update(ClosingNotice).where(ClosingNotice.closing_id == closing.id)
        await tx.session.execute(notices.values(sent_at=clock.now()))
        ends = update(Closing).where(Closing.id == closing.id)
        await tx.session.execute(ends.values(ends_at=clock.now()))


def kill_in_the_middle(installation: Installation, closing: Closing, seconds: float) -> bool:
    """Let a process erase for so long after it is ready, then kill -9. Whether it was interrupted."""
    settings = installation.settings
    environment = {
        **os.environ,
        "CALLMISSED_HOME": str(settings.home),
        "CALLMISSED_PORT": str(settings.port),
        "CALLMISSED_FIND_UPSTREAMS": "false",
    }
    command = [sys.executable, "-m", "tests.support.eraser", str(closing.id)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        child.kill()
        return child.stdout.read() == b""


async def test_killed_at_any_moment_it_resumes_and_completes(
    services: Services, installation: Installation
) -> None:
    chance, interrupted = Random(7), 0
    for _ in range(3):
        firm = await chatty_firm(services)
        keys = await services.vault.tenant_key_ids(firm.tenant_id)
        closing = await close(services, firm.owner)
        keys = await services.vault.tenant_key_ids(firm.tenant_id) or keys
        await make_due(services, closing)
        for _ in range(3):
            cut = await asyncio.to_thread(
                kill_in_the_middle, installation, closing, chance.uniform(0.02, 0.35)
            )
            interrupted += cut
        assert await erasing.erase(services, closing.id)
        assert await rows_left(services, firm.tenant_id) == {}
        async with services.db.control() as tx:
            steps = await closing_sql.steps(tx, closing.id)
            bodies = receipts.read_all(
                "".join(await erasing.receipts_of(tx, firm.tenant_id)), receipts.public_key(services.vault)
            )
        assert len(bodies) == len(steps) == len(erasing.plan("tenant"))
        by_store = {body["store"]: body for body in bodies}
        assert by_store["message"]["rows"] == MESSAGES + 1, "counted once, whatever was interrupted"
        assert by_store[erasing.KEYS]["keys"] == sorted(map(str, keys)), (
            "the ids of the keys survive the crash"
        )
    assert interrupted >= 3, "otherwise nothing was shown"


async def test_two_processes_at_once_do_it_once(services: Services) -> None:
    firm = await chatty_firm(services)
    closing = await close(services, firm.owner)
    await make_due(services, closing)
    outcomes = await asyncio.gather(*(erasing.erase(services, closing.id) for _ in range(4)))
    assert any(outcomes) or await erasing.erase(services, closing.id)
    assert await rows_left(services, firm.tenant_id) == {}
    async with services.db.control() as tx:
        done = {step.store: step.removed for step in await closing_sql.steps(tx, closing.id)}
    assert done["message"] == MESSAGES + 1
