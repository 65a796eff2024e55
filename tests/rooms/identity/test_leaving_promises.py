"""The promises on leaving, each seen broken: a skipped store, a suppressed letter, a sign of a child nobody settles."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, update

from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import accounts, children, create_key, sessions
from callmissed.identity.models import (
    ChildSignal,
    Closing,
    ClosingNotice,
    ErasureStep,
    Membership,
    SecurityAlert,
    UserAccount,
)
from callmissed.identity.repository.closing import steps
from callmissed.identity.tasks import erase_closed
from callmissed.privacy import check_all
from callmissed.privacy.promises import promises
from callmissed.privacy.promises.engine import Finding
from tests.support.closing import close, erase_in_time, firm_at_work
from tests.support.mailbox import send_waiting
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database


async def finding(services: Services, name: str) -> Finding:
    """What the check of this promise finds now."""
    [result] = await check_all(services, [each for each in promises() if each.id == name])
    return result.finding


async def test_an_erased_workspace_keeps_the_promise_and_a_skipped_store_breaks_it(
    services: Services,
) -> None:
    firm = await firm_at_work(services)
    closing = await close(services, firm.owner)
    await erase_in_time(services)
    kept = await finding(services, "keep.deleted-account")
    assert kept.verdict == "kept", kept.figures
    assert int(kept.figures["receipts"]) > 10
    left = Membership(tenant_id=firm.tenant_id, id=uuid7(), user_id=uuid7(), role="teammate")
    async with services.db.tenant(erasing_access(firm.tenant_id)) as tx:
        tx.session.add(left)
    broken = await finding(services, "keep.deleted-account")
    assert (broken.verdict, broken.figures["left"]) == ("broken", 1)
    async with services.db.tenant(erasing_access(firm.tenant_id)) as tx:
        await tx.session.execute(delete(Membership).where(Membership.id == left.id))
        step = await tx.session.get(ErasureStep, await some_step(services, closing.id))
        assert step is not None
        receipt, step.receipt = step.receipt, None
    assert (await finding(services, "keep.deleted-account")).figures["without_receipt"] == 1
    async with services.db.control() as tx:
        await tx.session.execute(
            update(ErasureStep).where(ErasureStep.receipt.is_(None)).values(receipt=receipt)
        )
    assert (await finding(services, "keep.deleted-account")).verdict == "kept"


def erasing_access(tenant_id: UUID) -> Access:
    """The standing of an erasure: the only one that still enters."""
    return Access.system(tenant_id, "erasure")


async def some_step(services: Services, closing_id: UUID) -> UUID:
    """The id of one step."""
    async with services.db.control() as tx:
        return (await steps(tx, closing_id))[3].id


async def test_an_erasure_that_is_late_breaks_it(services: Services) -> None:
    firm = await firm_at_work(services)
    closing = await close(services, firm.owner)
    long_ago = clock.now() - timedelta(hours=2)
    async with services.db.control() as tx:
        await tx.session.execute(
            update(ClosingNotice).where(ClosingNotice.closing_id == closing.id).values(sent_at=long_ago)
        )
        await tx.session.execute(update(Closing).where(Closing.id == closing.id).values(ends_at=long_ago))
    found = await finding(services, "keep.deleted-account")
    assert (found.verdict, found.figures["late"]) == ("broken", 1)
    await erase_closed(services)
    assert (await finding(services, "keep.deleted-account")).figures["late"] == 0


async def test_a_suppressed_letter_breaks_the_promise_of_mails(services: Services) -> None:
    owner = await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        await create_key(tx, "ci")
    before = await finding(services, "use.transactional")
    async with services.db.tenant(owner) as tx:
        await create_key(tx, "suppressed")
    async with services.db.control() as tx:
        newest = SecurityAlert.user_id == owner.actor.id
        rows = (
            await tx.session.scalars(
                SecurityAlert.__table__.select().where(newest).order_by(SecurityAlert.id)
            )
        ).all()
        assert len(rows) == 2
        await tx.session.execute(delete(SecurityAlert).where(SecurityAlert.id == rows[-1]))
    after = await finding(services, "use.transactional")
    assert after.verdict == "broken"
    assert after.figures["untold"] == int(before.figures["untold"]) + 1


async def test_a_letter_that_waits_breaks_it(services: Services) -> None:
    owner = await workspace_of_someone(services)
    await send_waiting(services)  # what other tests left, which may be older than five minutes by now
    async with services.db.tenant(owner) as tx:
        await create_key(tx, "ci")
    assert (await finding(services, "use.transactional")).figures["late"] == 0
    with clock.travel(seconds=600):
        found = await finding(services, "use.transactional")
    assert found.verdict == "broken"
    assert int(found.figures["late"]) >= 1


async def test_a_sign_of_a_child_closes_the_account_and_must_be_settled(services: Services) -> None:
    before = await finding(services, "keep.active")  # other tests have planted rows of their own
    address = f"p{uuid7().hex}@namuna.example"
    owner = await workspace_of_someone(services, address)
    assert owner.actor.id
    async with services.db.control() as tx:
        token = await sessions.open_session(
            tx, owner.actor.id, owner.tenant_id, "Firefox/140.0", methods=("code",)
        )
    async with services.db.control() as tx:
        signal = await children.report(tx, address)
        assert await sessions.current(tx, token) is None
    async with services.db.control() as tx:
        assert (await children.report(tx, address)).id == signal.id, "one sign at a time"
        assert signal.id in {each.id for each in await children.open_signals(tx)}
    assert (await finding(services, "children.none")).verdict == "kept"
    with clock.travel(hours=73):
        found = await finding(services, "children.none")
        assert (found.verdict, found.figures["overdue"]) == ("broken", 1)
    async with services.db.control() as tx:
        await children.settle(tx, signal.id, is_child=True)
    await erase_closed(services)
    with pytest.raises(NotFound):
        async with services.db.control() as tx:
            await accounts.profile(tx, owner.actor.id)
    with clock.travel(hours=73):
        assert (await finding(services, "children.none")).figures["overdue"] == 0
    incomplete = (await finding(services, "keep.active")).figures["incomplete"]
    assert incomplete == before.figures["incomplete"], "no member lacks an account"


async def test_an_adult_after_all_works_again(services: Services) -> None:
    address = f"p{uuid7().hex}@namuna.example"
    owner = await workspace_of_someone(services, address)
    async with services.db.control() as tx:
        signal = await children.report(tx, address)
    async with services.db.control() as tx:
        await children.settle(tx, signal.id, is_child=False)
    async with services.db.control() as tx:
        row = await tx.session.get(UserAccount, owner.actor.id)
        assert row is not None
        assert row.deactivated_at is None
        await tx.session.execute(delete(ChildSignal).where(ChildSignal.id == signal.id))


async def test_an_account_without_a_declaration_of_age_breaks_it(services: Services) -> None:
    owner = await workspace_of_someone(services)
    assert (await finding(services, "children.none")).verdict == "kept"
    async with services.db.control() as tx:
        mine = update(UserAccount).where(UserAccount.id == owner.actor.id)
        await tx.session.execute(
            mine.values(adult_declared_at=None, created_at=clock.now() - timedelta(days=3))
        )
    found = await finding(services, "children.none")
    assert found.verdict == "broken"
    async with services.db.control() as tx:
        mine = update(UserAccount).where(UserAccount.id == owner.actor.id)
        await tx.session.execute(mine.values(adult_declared_at=clock.now()))
