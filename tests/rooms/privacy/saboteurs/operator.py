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
