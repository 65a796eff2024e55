"""Against the policy itself: entity.published, change.date."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from sqlalchemy import Column, Text

from callmissed.foundation.datamap import nothing
from callmissed.privacy.promises.engine import _promises
from tests.rooms.privacy.house import OPERATOR, House
from tests.rooms.privacy.saboteurs import sabotages

FACTS = {
    "legal_name_left_out": ({"legal_name": " "}, "legal name (missing)"),
    "office_left_out": ({"registered_office": ""}, "registered office (missing)"),
    "company_number_left_out": ({"cin": ""}, "cin (missing)"),
    "tax_number_left_out": ({"gstin": ""}, "gstin (missing)"),
    "placeholder_as_a_name": ({"legal_name": "[legal name pending]"}, "legal name (a placeholder)"),
    "placeholder_as_an_office": ({"registered_office": "XXXX, Bengaluru"}, "registered office (a placeholder)"),
    "company_number_of_a_wrong_form": ({"cin": "U72900MH2020XXX34567"}, "cin ("),
    "tax_number_with_a_wrong_digit": (
        {"gstin": "28" + OPERATOR["gstin"][2:]}, "gstin (its check character is wrong)",
    ),
}  # fmt: skip


def enter(name: str, facts: dict[str, str], says: str) -> None:
    """Enter a saboteur that has the operator say something else."""

    async def deed(house: House) -> AsyncGenerator[None]:
        with house.facts(**facts):
            yield

    deed.__name__, deed.__doc__ = name, f"Publishes the operator with {name.replace('_', ' ')}."
    sabotages("entity.published", "1 of 4 facts", says, wrong=1)(deed)


for fact, (told, reason) in FACTS.items():
    enter(fact, told, reason)


@sabotages("change.date", "The text shown is not the version on record")
async def sentence_changed_without_a_version(house: House) -> AsyncGenerator[None]:
    """Rewrites a sentence of the policy and publishes no version."""
    before = _promises["content.no-sale"]
    _promises["content.no-sale"] = replace(before, sentence="We hardly ever sell what you write or say.")
    try:
        yield
    finally:
        _promises["content.no-sale"] = before


@sabotages("change.date", "The text shown is not the version on record")
async def column_added_without_a_version(house: House) -> AsyncGenerator[None]:
    """Holds something new and publishes no version."""
    with house.mapped(Column("more", Text, info={"holds": nothing("something more")})):
        yield


@sabotages("change.date", "The text shown is not the version on record")
async def officer_changed_without_a_version(house: House) -> AsyncGenerator[None]:
    """Names another Grievance Officer and publishes no version."""
    with house.facts(grievance_officer="Ravi Patil"):
        yield


@sabotages("change.date", "The text shown is not the version on record", version=0, since="–")
async def version_that_is_gone(house: House) -> AsyncGenerator[None]:
    """Loses the record of the only version."""
    async with house.saved("policy_version"):
        await house.sql("DELETE FROM policy_version")
        yield


@sabotages("change.date", "The text shown is not the version on record", version=0)
async def version_not_yet_in_effect(house: House) -> AsyncGenerator[None]:
    """Shows today a text that takes effect in a month."""
    async with house.saved("policy_version"):
        await house.sql("UPDATE policy_version SET effective_at = now() + interval '30 days'")
        yield


@sabotages("change.date", "2020-01-01, is not the one written down", since="2020-01-01")
async def version_dated_back(house: House) -> AsyncGenerator[None]:
    """Dates the version back by years."""
    async with house.saved("policy_version"):
        await house.sql("UPDATE policy_version SET effective_at = '2020-01-01 12:00+00'")
        yield


@sabotages("change.date", "is not the one written down")
async def version_that_was_never_published(house: House) -> AsyncGenerator[None]:
    """Puts a version on record past the verb that publishes, so that the audit log knows nothing of it."""
    async with house.saved("policy_version"):
        await house.sql("UPDATE policy_version SET id = gen_random_uuid(), number = number + 1000")
        try:
            yield
        finally:
            await house.sql("DELETE FROM policy_version")


VERSION, PERSON = "00000000-0000-7000-8000-0000000000c1", "00000000-0000-7000-8000-0000000000c2"
TOLD = (
    "INSERT INTO policy_version (id, number, digest, text, published_at, notice, effective_at, summary, created_at)"
    f" SELECT '{VERSION}', 900000, digest, text, published_at + interval '1 second', 'told', now() + interval '1 day',"
    " summary, now() FROM policy_version ORDER BY number LIMIT 1"
)
DELIVERED = (
    "INSERT INTO policy_delivery (id, version_id, person_id, letter_id, way, delivered_at, created_at)"
    f" SELECT gen_random_uuid(), '{VERSION}', id, gen_random_uuid(), 'email', now() - interval '{{}} days', now()"
    " FROM user_account WHERE deactivated_at IS NULL"
)


async def announced(house: House, *statements: str) -> AsyncGenerator[None]:
    """A version that everybody was told of in these ways, and all of it gone again."""
    await house.sql(TOLD, *statements)
    try:
        yield
    finally:
        await house.sql(
            f"DELETE FROM policy_delivery WHERE version_id = '{VERSION}'",
            f"DELETE FROM policy_version WHERE id = '{VERSION}'",
        )


@sabotages("change.notice", "had less than 30 days", told=1)
async def people_told_too_late(house: House) -> AsyncGenerator[None]:
    """Lets a version take effect 29 days after people were told."""
    async for _ in announced(house, DELIVERED.format(28)):
        yield


@sabotages("change.notice", "had less than 30 days", told=1)
async def somebody_whom_nobody_told(house: House) -> AsyncGenerator[None]:
    """Tells everybody in time but one, whose letter is still queued when the day is set."""
    queued = (
        "UPDATE policy_delivery SET way = 'queued', delivered_at = NULL WHERE id ="
        f" (SELECT id FROM policy_delivery WHERE version_id = '{VERSION}' LIMIT 1)"
    )
    async for _ in announced(house, DELIVERED.format(40), queued):
        yield


@sabotages("change.notice", "had less than 30 days", told=1)
async def somebody_left_off_the_list(house: House) -> AsyncGenerator[None]:
    """Forgets one person of an open account altogether."""
    forgotten = f"DELETE FROM policy_delivery WHERE id = (SELECT id FROM policy_delivery WHERE version_id = '{VERSION}' LIMIT 1)"
    older = "UPDATE user_account SET created_at = created_at - interval '2 days'"
    newer = "UPDATE user_account SET created_at = created_at + interval '2 days'"
    async with house.done(older, newer):
        async for _ in announced(house, DELIVERED.format(40), forgotten):
            yield


@sabotages("change.notice", "1 changes were not told", untold=1)
async def important_change_that_passes_for_a_small_one(house: House) -> AsyncGenerator[None]:
    """Drops a promise in a version that claims to change nothing important."""
    minor = (
        "INSERT INTO policy_version (id, number, digest, text, published_at, notice, effective_at, summary, created_at)"
        f" SELECT '{VERSION}', 900000, digest, jsonb_set(text, '{{sentences}}', (text -> 'sentences') - 'content.no-sale'),"
        " now(), 'minor', now(), summary, now() FROM policy_version ORDER BY number DESC LIMIT 1"
    )
    async with house.done(minor, f"DELETE FROM policy_version WHERE id = '{VERSION}'"):
        yield


@sabotages("change.notice", verdict="unknown")
async def versions_that_cannot_be_read(house: House) -> AsyncGenerator[None]:
    """Takes the right to read who was told away from the checks."""
    revoke, grant = (
        f"{verb} SELECT ON policy_delivery {to} cm_verifier"
        for verb, to in (("REVOKE", "FROM"), ("GRANT", "TO"))
    )
    async with house.done(revoke, grant):
        yield
