"""Against the promises on the operator's people: safe.confidentiality, and the staff's part of safe.least-privilege."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages

UNDERTAKINGS = "ALTER TABLE staff_undertaking {} TRIGGER append_only"


@sabotages("safe.confidentiality", "1 of 2 people have not signed", "staff-planted", unbound=1, people=2)
async def staff_without_an_undertaking(house: House) -> AsyncGenerator[None]:
    """Gives somebody a role who has signed nothing."""
    async with house.done(
        "INSERT INTO staff_member (id, user_id, role, handle, created_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'support', 'staff-planted', now())",
        "DELETE FROM staff_member WHERE handle = 'staff-planted'",
    ):
        yield


def changed(name: str, says: str, change: str) -> None:
    """Enter a saboteur that changes the one signature there is, past the lock against changes."""

    async def deed(house: House) -> AsyncGenerator[None]:
        await house.sql(UNDERTAKINGS.format("DISABLE"))
        try:
            async with house.saved("staff_undertaking"):
                await house.sql(change)
                yield
        finally:
            await house.sql(UNDERTAKINGS.format("ENABLE"))

    deed.__name__, deed.__doc__ = name, says
    sabotages("safe.confidentiality", "1 of 1 people have not signed", unbound=1)(deed)


changed("signature_removed", "Takes a signature away.", "DELETE FROM staff_undertaking")
changed("older_version", "Signed something that is not in force.", "UPDATE staff_undertaking SET version = 0")
changed(
    "other_text", "Signed another text under the same number.",
    "UPDATE staff_undertaking SET text_digest = sha256('nothing at all')",
)  # fmt: skip
changed(
    "signature_moved_in_time", "Dates a signature back.",
    "UPDATE staff_undertaking SET signed_at = signed_at - interval '30 days'",
)  # fmt: skip
changed(
    "signature_forged_whole", "Dates a signature back, and computes its digest anew: the audit log knows better.",
    "UPDATE staff_undertaking SET signed_at = timestamptz '2026-01-01 00:00:00+00', digest = sha256(text_digest || signed_name"
    " || uuid_send(user_id) || convert_to('2026-01-01T00:00:00.000000Z', 'UTF8'))",
)  # fmt: skip


@sabotages("safe.confidentiality", "staff_member", verdict="unknown")
async def nobody_on_the_staff(house: House) -> AsyncGenerator[None]:
    """Takes everybody off the list, so that nobody can be asked for a signature."""
    async with house.saved("staff_member"):
        await house.sql("DELETE FROM staff_member")
        yield


LOCKS = ("opened", "two_persons", "in_time")


@asynccontextmanager
async def unlocked(house: House) -> AsyncGenerator[None]:
    """The table of accesses without its own checks, for the length of the block."""
    kept = await house.sql(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'staff_access'::regclass"
        " AND conname = ANY (%(names)s)", names=[f"ck_staff_access_{lock}" for lock in LOCKS],
    )  # fmt: skip
    assert len(kept) == len(LOCKS)
    await house.sql(*(f"ALTER TABLE staff_access DROP CONSTRAINT {named}" for named, _ in kept))
    try:
        yield
    finally:
        await house.sql(
            *(f"ALTER TABLE staff_access ADD CONSTRAINT {named} {check}" for named, check in kept)
        )


def forged(name: str, says: str, what: str, change: str) -> None:
    """Enter a saboteur that changes the one access there is, past the table's own checks."""

    async def deed(house: House) -> AsyncGenerator[None]:
        async with unlocked(house), house.saved("staff_access"):
            await house.sql(f"UPDATE staff_access SET {change}")
            yield

    deed.__name__, deed.__doc__ = name, says
    figures: dict[str, Any] = {"staff_accesses": 1, "staff_wrong": 1}
    sabotages("safe.least-privilege", what, **figures)(deed)


forged(
    "approval_dated_back", "Makes an approval older than the leaf that wrote it down.", "not in the log",
    "opened_at = opened_at - interval '10 minutes', ends_at = ends_at - interval '10 minutes'",
)  # fmt: skip
forged(
    "access_for_a_day",
    "Lets staff look for a day.",
    "longer than it may be",
    "ends_at = opened_at + interval '1 day'",
)
forged(
    "read_not_in_the_log",
    "Counts one more row read than the log holds.",
    "rows read and rows in the log",
    "reads = reads + 1",
)
forged(
    "ended_before_it_was_read",
    "Ends the access before what was read.",
    "outside its time",
    "ended_at = opened_at - interval '2 minutes'",
)


@sabotages("safe.least-privilege", "no second person let them in", "not in the log", staff_wrong=2)
async def approval_without_approver(house: House) -> AsyncGenerator[None]:
    """Opens an access that nobody of the workspace approved."""
    async with unlocked(house), house.saved("staff_access"):
        await house.sql("UPDATE staff_access SET decided_by = NULL")
        yield


@sabotages("safe.least-privilege", "its alarm is not in the operator's log", "not in the log", staff_wrong=2)
async def glass_broken_in_silence(house: House) -> AsyncGenerator[None]:
    """Turns an approved access into broken glass that nobody was told of."""
    async with house.saved("staff_access"):
        await house.sql(
            "UPDATE staff_access SET kind = 'glass', seconded_by = gen_random_uuid(), authority = 'Incident 7'"
        )
        yield


@sabotages("safe.least-privilege", "an access that is gone", staff_wrong=1, staff_accesses=0)
async def access_removed_after_the_look(house: House) -> AsyncGenerator[None]:
    """Removes the access under which staff have read, so that only the log remembers it."""
    async with house.saved("staff_access"):
        await house.sql("DELETE FROM staff_access")
        yield
