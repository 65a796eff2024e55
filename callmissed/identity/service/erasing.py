"""Erasing what was closed: every store, keys first, each step a row, each done step a signed receipt.

Which stores there are is read from the data map. Whatever interrupts an erasure, the next sweep goes on at the first step
that is not done; a step repeated changes nothing. Where a legal hold freezes something of it before its keys are gone, it waits
behind its closed doors and goes on by itself when the hold ends. What tax law makes us keep holds no personal data and is said so on its
receipt.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from callmissed.foundation import audit, clock, datamap, directory, doors, holds, jobs, receipts
from callmissed.foundation.database import Tx
from callmissed.foundation.datamap import Row
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import recovery
from callmissed.identity.models import Closing, ErasureStep
from callmissed.identity.models.closing import PROOF
from callmissed.identity.remainder import Remainder
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import closing as repository
from callmissed.identity.repository import membership, team, tenant
from callmissed.identity.service import freezing, members
from callmissed.identity.service.leaving import close_ownerless
from callmissed.identity.service.registration import registration_of
from callmissed.identity.service.sessions import WORKS_IN

PORTION = 50_000
"""Rows removed in one transaction."""

KEYS = "keys of the vault"
SEALED = "sealed_record"


@dataclass(frozen=True, slots=True)
class Work:
    """One step under way: whose, which, and with what."""

    services: Services
    closing: Closing
    step_id: UUID
    store: str

    @property
    def access(self) -> Access:
        """The standing of an erasure in the tenant."""
        return Access.system(self.closing.subject_id, "erasure")


Step = Callable[[Work], Awaitable[None]]


def plan(kind: str) -> dict[str, Step]:
    """Every store of an erasure, in order, with what is done there. Tables are those of the data map, children first."""
    if kind == "account":
        return {
            SEALED: _seal,
            KEYS: _account_keys,
            "membership": _memberships,
            **{table.name: _account_rows for table in personal_tables()},
        }
    return {
        SEALED: _seal,
        KEYS: _tenant_keys,
        "directory_entry": _directory,
        jobs.STORE: _queue,
        **{table.name: _table for table in datamap.erasable_tables()},
        "session": _sessions,
        "tenant": _tenant,
        **{table.name: _kept for table in datamap.tables() if datamap.outlives_tenant(table)},
    }


def personal_tables() -> list[Table]:
    """Tables outside the tenants that hold something of an account holder under their id: what goes with an account.

    Rows of append-only tables stay, as evidence that somebody signed; with the person's key gone, nobody can read who.
    """
    found = [
        table
        for table in datamap.tables()
        if not datamap.is_tenant_table(table) and owners_in(table) and not table.info["row"].__append_only__
    ]
    return [table for table in reversed(found) if table.info["row"].__keep__ not in {PROOF, holds.EVIDENCE}]


def owners_in(table: Table) -> list[str]:
    """The columns of a table that hold the id of an account holder."""
    if table.name == "user_account":
        return ["id"]
    columns = [column for column in table.columns if not column.primary_key]
    return [
        column.name
        for column in columns
        if column.info["holds"].whose is datamap.Whose.USER
        and column.info["holds"].category is datamap.Category.PSEUDONYM
        and column.type.python_type is UUID
    ]


async def due(tx: Tx) -> Sequence[UUID]:
    """Closings that are to be erased now."""
    return await repository.due_erasures(tx, clock.now())


async def erase(services: Services, closing_id: UUID) -> bool:
    """Carry an erasure out, or on from where it was interrupted. True once it is complete, False too while a hold freezes it."""
    async with services.db.control() as tx:
        closing = await begin(tx, closing_id)
        if closing.erasing_at is None:
            return False
        waiting = [
            (step.id, step.store) for step in await repository.steps(tx, closing_id) if not step.done_at
        ]
    if closing.erased_at is not None:
        return True
    work = plan(closing.kind)
    for step_id, store in waiting:
        try:
            await work[store](Work(services, closing, step_id, store))
        except _Held:
            return False
    async with services.db.control() as tx:
        return await _complete(tx, closing_id)


async def begin(tx: Tx, closing_id: UUID) -> Closing:
    """Mark that there is no way back, and write the steps down, once; unless a hold freezes it, which is noted."""
    closing = await repository.closing(tx, closing_id, for_update=True)
    if closing is None:
        raise LookupError(closing_id)
    if closing.erasing_at is None and await freezing.is_frozen(tx, closing):
        await freezing.note(tx, closing)
        return closing
    if closing.erasing_at is None:
        closing.erasing_at = clock.now()
        if closing.kind == "tenant":
            await doors.begin_erasing(tx, closing.subject_id)
        for position, store in enumerate(plan(closing.kind)):
            step = ErasureStep(id=uuid7(), closing_id=closing.id, position=position, store=store)
            tx.session.add(step)
        await tx.session.flush()
        await audit.record(tx, f"identity:{closing.kind}:erasure_begun", body={"closing": str(closing.id)})
    return closing


class _Held(Exception):
    """A hold came into force after the erasure began and before its keys were gone."""


async def _complete(tx: Tx, closing_id: UUID) -> bool:
    closing = await repository.closing(tx, closing_id, for_update=True)
    steps = await repository.steps(tx, closing_id)
    if closing is None or not steps or any(step.done_at is None for step in steps):
        return False
    if closing.erased_at is None:
        owner = closing.closed_by
        closing.erased_at, closing.closed_by = clock.now(), None
        body = {
            "closing": str(closing.id),
            "stores": len(steps),
            "rows": sum(step.removed for step in steps),
            "keys": sum(len(step.key_ids or ()) for step in steps),
        }
        await audit.record(tx, f"identity:{closing.kind}:erased", body=body)
        if closing.kind == "tenant" and owner is not None:
            await _erase_owner_too(tx, owner)
    return True


async def _erase_owner_too(tx: Tx, user_id: UUID) -> None:
    """The account of whoever closed the workspace goes with it, unless they work elsewhere: they were told so."""
    if await accounts_sql.account(tx, user_id) is None:
        return
    if await directory.find(tx, WORKS_IN, str(user_id)) is not None:
        return
    if await repository.open_closing(tx, user_id) is not None:
        return  # it has thirty days of its own, which are not over
    now = clock.now()
    tx.session.add(
        Closing(id=uuid7(), kind="account", subject_id=user_id, closed_by=user_id, closed_at=now, ends_at=now)
    )
    account = await accounts_sql.account(tx, user_id, for_update=True)
    if account is not None:
        account.deactivated_at = now


async def refuse_revived(services: Services) -> int:
    """Close and erase again what a restored backup brought back; how many tenants that were. Their keys are gone for good."""
    async with services.db.control() as tx:
        standing = await repository.tenants_standing(tx)
        revived = [each for each in standing if services.vault.keyring.was_erased(each)]
        now = clock.now()
        for tenant_id in revived:
            await doors.close(tx, tenant_id)
            if await repository.open_closing(tx, tenant_id) is None:
                tx.session.add(
                    Closing(id=uuid7(), kind="tenant", subject_id=tenant_id, closed_at=now, ends_at=now)
                )
        if revived:
            await audit.record(tx, "identity:tenant:revival_refused", body={"tenants": len(revived)})
    return len(revived)


# Steps


async def _seal(work: Work) -> None:
    """What law makes us keep of the registration, before the keys that read it are gone; the receipt says why, and until when."""
    async with work.services.db.control() as tx:
        if await repository.step_held(tx, work.step_id) is None:
            return
        given = await registration_of(tx, work.closing)
        remains = await work.services.get(Remainder).seal(tx, given) if given else None
        kept = remains and {
            "rows": 1,
            "promise": "use.lawful-requests",
            "columns": sorted(given.columns) if given else [],
            "law": list(remains.law),
            "citation": remains.citation,
            "destroyed_on": remains.destroy_on.isoformat(),
        }
        await _done(tx, work, 0, kept=kept)


async def _tenant_keys(work: Work) -> None:
    vault = work.services.vault
    await _destroy(
        work,
        await vault.tenant_key_ids(work.closing.subject_id),
        lambda: vault.erase_tenant(work.closing.subject_id),
    )


async def _account_keys(work: Work) -> None:
    vault, person = work.services.vault, work.closing.subject_id
    places = [PLATFORM, *await vault.tenants_of(person)]
    ids = [key for place in dict.fromkeys(places) for key in await vault.key_ids(place, person)]

    async def destroy() -> None:
        for place in dict.fromkeys(places):
            await vault.erase_person(place, person)

    await _destroy(work, ids, destroy)


async def _destroy(work: Work, ids: Sequence[UUID], destroy: Callable[[], Awaitable[Any]]) -> None:
    """Note the keys, destroy them, then write the receipt: a crash between loses neither keys nor their ids."""
    async with work.services.db.control() as tx:
        step = await repository.step_held(tx, work.step_id)
        if step is None:
            return
        step.key_ids = sorted({*(step.key_ids or ()), *ids})
    async with work.services.db.control() as tx:
        closing = await repository.closing(tx, work.closing.id, for_update=True)
        held = closing is None or await freezing.is_frozen(tx, closing)
        if closing is not None and held:
            await freezing.note(tx, closing)
        if not held:
            await destroy()  # within the transaction, so that no hold comes into force meanwhile
            await _done(tx, work, 0)
    if held:
        raise _Held


async def _memberships(work: Work) -> None:
    """Where the person still works, they do so no more; a workspace that only they owned is closed."""
    async with work.services.db.control() as tx:
        places = await directory.find_all(tx, WORKS_IN, str(work.closing.subject_id))
    for place in places:
        async with work.services.db.tenant(Access.system(place.tenant_id, "erasure")) as tx:
            member = await membership(tx, work.closing.subject_id)
            if member is not None:
                await members.part_with(tx, member, sessions_ended=0, by_themselves=False)
            await directory.drop(tx, WORKS_IN, str(work.closing.subject_id))
            await audit.record(tx, "identity:member:erased", body={})
            if all(each.role != "owner" for each in await team.members(tx)):
                await close_ownerless(tx)
    async with work.services.db.control() as tx:
        await _done(tx, work, len(places))


async def _table(work: Work) -> None:
    """Rows of a tenant's table, in portions; of an append-only one by the database's own function."""
    table = Row.metadata.tables[work.store]
    more, after = True, None
    while more:
        async with work.services.db.tenant(work.access) as tx:
            step = await repository.step_held(tx, work.step_id)
            if step is None:
                return
            if table.info["row"].__append_only__:
                removed, more = await doors.erase_log(tx, table.name, tx.tenant_id), False
            else:
                removed, after = await repository.erase_portion(tx, table, PORTION, after)
                more = after is not None
            step.removed += removed
            if not more:
                await _done(tx, work, 0)


async def _kept(work: Work) -> None:
    """What outlives the tenant by law: counted, not removed, and the receipt says why."""
    table = Row.metadata.tables[work.store]
    async with work.services.db.tenant(work.access) as tx:
        kept = await repository.count(tx, table)
        await _done(tx, work, 0, kept={"rows": kept, "promise": table.info["row"].__keep__.promise})


async def _directory(work: Work) -> None:
    async with work.services.db.tenant(work.access) as tx:
        await _done(tx, work, await directory.forget(tx))


async def _queue(work: Work) -> None:
    async with work.services.db.control() as tx:
        await _done(tx, work, await jobs.forget(tx, work.closing.subject_id))


async def _sessions(work: Work) -> None:
    async with work.services.db.control() as tx:
        await _done(tx, work, await repository.leave_sessions(tx, work.closing.subject_id))


async def _tenant(work: Work) -> None:
    """The tenant's own row loses its name; its id stays, for the books that tax law makes us keep."""
    async with work.services.db.control() as tx:
        row = await tenant(tx, work.closing.subject_id)
        if row is not None:
            row.name, row.slug, row.state = "", f"erased-{row.id.hex}", "erased"
        await _done(tx, work, 1)


async def _account_rows(work: Work) -> None:
    table = Row.metadata.tables[work.store]
    async with work.services.db.control() as tx:
        removed = await accounts_sql.erase_of(tx, table, owners_in(table), work.closing.subject_id)
        await _done(tx, work, removed)


async def _done(tx: Tx, work: Work, removed: int, *, kept: dict[str, Any] | None = None) -> None:
    """The step is complete: its figures and its signed receipt. Nothing happens when another process was faster."""
    step = await repository.step_held(tx, work.step_id)
    if step is None:
        return
    now = clock.now()
    step.removed += removed
    step.done_at = now
    keys = sorted(step.key_ids or ())
    step.receipt = receipts.sign(
        work.services.vault,
        {
            "v": 1,
            "what": f"erasure of one {work.closing.kind}",
            "subject": str(work.closing.subject_id),
            "store": step.store,
            "rows": step.removed,
            "keys": [str(each) for each in keys] if len(keys) <= 1_000 else None,
            "key_count": len(keys),
            "key_digest": sha256(b"".join(each.bytes for each in keys)).hexdigest(),
            "kept": kept,
            "closed_at": work.closing.closed_at.isoformat(timespec="seconds"),
            "erased_at": now.isoformat(timespec="seconds"),
            "no_backup_after": (now + recovery.BACKUPS).date().isoformat(),
        },
    )
    await tx.session.flush()


async def receipts_of(tx: Tx, subject_id: UUID) -> list[str]:
    """The signed receipts of what was erased under this id, in order."""
    found = await repository.steps_about(tx, subject_id)
    return [step.receipt for step in found if step.receipt]
