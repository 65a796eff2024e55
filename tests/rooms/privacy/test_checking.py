"""Running the checks and keeping what they found: verdict, worst of the day, one leaf per change, on time, never kept by accident."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import delete, select

from callmissed.foundation import audit, clock
from callmissed.foundation.audit import AuditLeaf, leaves_about, proof_of, verify_log
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.tenancy import Access
from callmissed.privacy import check_all, policy_page, tally
from callmissed.privacy.checking import check_due, keep_results
from callmissed.privacy.models import PromiseDay, PromiseVerdict
from callmissed.privacy.page import VERDICTS
from callmissed.privacy.promises import promises
from callmissed.privacy.promises.engine import Finding, Look, Promise, _promises, promise
from tests.rooms.privacy.house import House

pytestmark = pytest.mark.database

NAME = "planted.promise"
Answers = list[str]


@contextmanager
def planted(*answers: str, every_minutes: int = 1) -> Generator[Answers]:
    """A promise whose check answers these verdicts one after the other; "!" is a check that crashes."""
    left = list(answers)

    async def check(look: Look) -> Finding:
        verdict = left.pop(0)
        if verdict == "!":
            await look.one("SELECT 1 / 0")
        return Finding(VERDICTS[verdict], "%(n)s of them", {"n": len(left), "share": 0.5})

    promise(NAME, 1, "Planted.", every_minutes=every_minutes)(check)
    try:
        yield left
    finally:
        del _promises[NAME]


async def checked(house: House) -> PromiseVerdict:
    """Check the planted promise, keep the result, and read what is stored."""
    await keep_results(house.services, await check_all(house.services, [_promises[NAME]]))
    async with house.services.db.control() as tx:
        return (await tx.session.scalars(select(PromiseVerdict).where(PromiseVerdict.promise == NAME))).one()


async def dots(tx: Tx) -> list[tuple[date, str, int]]:
    rows = await tx.session.scalars(
        select(PromiseDay).where(PromiseDay.promise == NAME).order_by(PromiseDay.day)
    )
    return [(row.day, row.verdict, row.checks) for row in rows]


@pytest.fixture(autouse=True)
async def forgotten(house: House) -> None:
    """Nothing is stored of the planted promise."""
    async with house.services.db.control() as tx:
        for table in (PromiseVerdict, PromiseDay):
            await tx.session.execute(delete(table).where(table.promise == NAME))


async def test_a_verdict_is_stored_with_its_figures_and_evidence(house: House) -> None:
    with planted("kept"):
        row = await checked(house)
    assert (row.verdict, row.headline, row.figures) == ("kept", "%(n)s of them", {"n": 0, "share": 0.5})
    assert row.since == row.checked_at
    assert set(row.evidence) == {"looked_at", "query", "found", "explanation"}


async def test_a_leaf_is_written_for_each_change_and_for_nothing_else(house: House) -> None:
    with planted("kept", "kept", "broken", "broken", "kept"):
        rows = [await checked(house) for _ in range(5)]
    leaves = [row.leaf_id for row in rows]
    assert [leaf == before for leaf, before in zip(leaves[1:], leaves, strict=False)] == [
        True,
        False,
        True,
        False,
    ]
    assert rows[3].since == rows[2].checked_at
    async with house.services.db.tenant(Access.system(PLATFORM)) as tx:
        query = select(AuditLeaf).where(AuditLeaf.target_id == rows[0].id).order_by(AuditLeaf.id)
        written = [(leaf.action, leaf.body["before"]) for leaf in await tx.session.scalars(query)]
    assert written == [
        ("privacy:promise:kept", None), ("privacy:promise:broken", "kept"), ("privacy:promise:kept", "broken"),
    ]  # fmt: skip


async def test_the_leaf_is_sealed_and_the_log_verifies(house: House) -> None:
    with planted("broken"):
        row = await checked(house)
    await audit.seal_all(house.services.db)
    parts = await proof_of(house.services.db, PLATFORM, row.leaf_id)
    assert parts
    assert parts["record"]["action"] == "privacy:promise:broken"
    assert parts["record"]["body"]["figures"] == {"n": "0", "share": "0.5"}
    report = await verify_log(house.services.verifier, house.services.vault)
    assert not report.findings


async def test_the_dot_of_a_day_is_its_worst(house: House) -> None:
    with planted("kept", "broken", "unknown", "kept", "kept", "unknown"):
        for _ in range(4):
            await checked(house)
        with clock.travel(days=1):
            await checked(house)
            await checked(house)
            tomorrow = clock.today()
    async with house.services.db.control() as tx:
        assert await dots(tx) == [(clock.today(), "broken", 4), (tomorrow, "unknown", 2)]


async def test_the_day_is_the_one_in_india(house: House) -> None:
    to_evening = (20 - clock.now().hour) % 24  # 20:xx UTC is after midnight in India
    with planted("kept"), clock.travel(hours=to_evening):
        await checked(house)
        async with house.services.db.control() as tx:
            [(day, _, _)] = await dots(tx)
        assert day == clock.today()
        assert day != clock.now().date()


async def test_a_check_that_crashes_tells_so_and_silences_no_other(house: House) -> None:
    with planted("!"):
        results = await check_all(house.services)
    found = {each.promise.id: each.finding for each in results}
    assert found[NAME].verdict == "unknown"
    assert found[NAME].figures == {"failure": "DataError"}
    spoke = {name: each.verdict for name, each in found.items() if each.figures and name != NAME}
    assert len(spoke) == sum(each.check is not None for each in promises())
    not_kept = {name for name, verdict in spoke.items() if verdict != "kept"}
    assert not_kept == {"change.date"}, "the planted sentence has no version"


async def test_a_check_cannot_write(house: House) -> None:
    async def check(look: Look) -> Finding:
        await look.one("SELECT set_config('transaction_read_only', 'off', true)")
        await look.rows("CREATE TABLE mischief (x int)")
        return Finding("kept", "")

    found = (await check_all(house.services, [Promise(NAME, 1, "Planted.", check)]))[0].finding
    assert found.verdict == "unknown"
    assert await house.sql("SELECT to_regclass('mischief')") == [(None,)]


async def test_a_probe_that_raises_is_a_silent_source(house: House) -> None:
    async def fails() -> object:
        raise OSError("the disk is gone")

    with house.answering("billing.reconciliation", fails):
        found = (await house.check("use.plan")).finding
    assert (found.verdict, found.figures) == ("unknown", {"source": "billing.reconciliation (OSError)"})
    assert "disk is gone" not in found.headline % found.figures, "words of a failure may quote data"


async def test_checks_are_run_when_they_are_due(house: House) -> None:
    with planted("kept", "kept", "kept", every_minutes=5) as left:
        first = await check_due(house.services)
        assert {each.promise.id for each in first} == {each.id for each in promises() if each.check}
        assert await check_due(house.services) == []
        with clock.travel(seconds=60):
            soon = {each.promise.id for each in await check_due(house.services)}
        assert soon == {each.id for each in promises() if each.check and each.every_minutes == 1}
        with clock.travel(seconds=5 * 60 - 90):  # the checks themselves take their time on a busy machine
            assert NAME not in {each.promise.id for each in await check_due(house.services)}
        with clock.travel(seconds=5 * 60 - 5):
            assert NAME in {each.promise.id for each in await check_due(house.services)}
        assert len(left) == 1


async def test_the_page_shows_what_was_stored_and_the_rest_as_not_checked(house: House) -> None:
    with planted("broken"):
        await checked(house)
        page = await policy_page(house.services)
        async with house.services.db.control() as tx:
            counts = await tally(tx)
    shown = {each.promise.id: each for _, standings in page.sections.values() for each in standings}
    assert shown[NAME].finding.verdict == "broken"
    assert shown[NAME].history == [(clock.today(), "broken")]
    assert counts.kept + counts.broken + counts.unknown == len(shown)
    assert counts.broken == sum(each.finding.verdict == "broken" for each in shown.values()) >= 1
    assert shown["right.erase"].finding.verdict == "unknown"
    assert shown["right.erase"].checked_at is None


async def test_no_leaf_points_to_a_person(house: House) -> None:
    with planted("kept"):
        row = await checked(house)
    async with house.services.db.tenant(Access.system(PLATFORM)) as tx:
        assert await leaves_about(tx, row.id) == []
