"""Against the promise on authorities that ask for data: use.lawful-requests."""

from collections.abc import AsyncGenerator

from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages

RELEASE = (
    "INSERT INTO sealed_release (id, record_id, ordered_by, reference, asked_by, asked_at, approved_by, approved_at, created_at)"
    " VALUES ('00000000-0000-7000-8000-000000000004', gen_random_uuid(), {}, {}, '00000000-0000-7000-8000-000000000005', now(),"
    " {}, now(), now())"
)
OTHER = "'00000000-0000-7000-8000-000000000006'"
LEAF = (
    "INSERT INTO audit_leaf (tenant_id, id, created_at, actor_kind, actor_id, action, target_id, body, digest) VALUES"
    " ('00000000-0000-0000-0000-000000000000', '00000000-0000-7000-8000-000000000007', now(), 'staff', {},"
    " 'privacy:sealed:released', '00000000-0000-7000-8000-000000000004', '{{}}', '\\x00')"
)
LOOSE = "ALTER TABLE sealed_release DROP CONSTRAINT ck_sealed_release_{}"
TIGHT = {
    "authority": "CHECK (length(btrim(ordered_by)) >= 3 AND length(btrim(reference)) >= 3)",
    "two_persons": "CHECK (approved_by <> asked_by)",
}
FORGET = (
    "DELETE FROM sealed_release WHERE id = '00000000-0000-7000-8000-000000000004'",
    "ALTER TABLE audit_leaf DISABLE TRIGGER append_only",
    "DELETE FROM audit_leaf WHERE id = '00000000-0000-7000-8000-000000000007'",
    "ALTER TABLE audit_leaf ENABLE TRIGGER append_only",
)


async def planted(house: House, *statements: str, without: str = "") -> AsyncGenerator[None]:
    """These statements, past one lock of the register if need be, and all of it undone."""
    if without:
        await house.sql(LOOSE.format(without))
    try:
        await house.sql(*statements)
        yield
    finally:
        await house.sql(*FORGET)
        if without:
            await house.sql(
                f"ALTER TABLE sealed_release ADD CONSTRAINT ck_sealed_release_{without} {TIGHT[without]}"
            )


@sabotages("use.lawful-requests", "1 without an order", unordered=1, alone=0)
async def handed_out_without_an_order(house: House) -> AsyncGenerator[None]:
    """Hands a record out because somebody asked."""
    async for _ in planted(house, RELEASE.format("''", "''", OTHER), LEAF.format(OTHER), without="authority"):
        yield


@sabotages("use.lawful-requests", "1 by one person alone", alone=1, unordered=0)
async def handed_out_by_one_person(house: House) -> AsyncGenerator[None]:
    """Has the same person ask and agree."""
    same = "'00000000-0000-7000-8000-000000000005'"
    release = RELEASE.format("'District Court'", "'CC 81'", same)
    async for _ in planted(house, release, LEAF.format(same), without="two_persons"):
        yield


@sabotages("use.lawful-requests", "1 not written down", unwritten=1, alone=0)
async def handed_out_in_silence(house: House) -> AsyncGenerator[None]:
    """Hands a record out and leaves no word of it in the log."""
    async for _ in planted(house, RELEASE.format("'District Court'", "'CC 81'", OTHER)):
        yield


@sabotages("use.lawful-requests", "not written down", unregistered=1)
async def struck_from_the_register(house: House) -> AsyncGenerator[None]:
    """Takes a release out of the register that the log still knows."""
    async for _ in planted(house, LEAF.format(OTHER)):
        yield


@sabotages("use.lawful-requests", "read by the program itself", reaches=1)
async def sealed_and_readable(house: House) -> AsyncGenerator[None]:
    """Lets the web server read what is sealed."""
    async with house.done(
        "GRANT SELECT (blob) ON sealed_record TO cm_app", "REVOKE SELECT (blob) ON sealed_record FROM cm_app"
    ):
        yield


@sabotages("use.lawful-requests", "sealed_record", verdict="unknown")
async def register_that_is_not_there(house: House) -> AsyncGenerator[None]:
    """Puts the register away, so that nobody can be asked."""
    async with house.done(
        "ALTER TABLE sealed_release RENAME TO put_away", "ALTER TABLE put_away RENAME TO sealed_release"
    ):
        yield
