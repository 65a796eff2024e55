"""Somebody answers for each finding by name, or production does not start."""

import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from callmissed.app.commands.policy import policy_commands
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.privacy import Facts, policy_findings
from callmissed.privacy.findings import FindingAccepted, FindingUnknown, NameNeeded, ReasonNeeded

pytestmark = pytest.mark.database

NAME, REASON = "Meera Namuna", "Counsel has seen it; the text is changed with the next version."


def in_force(services: Services) -> list[str]:
    return [each.id for each in policy_findings.found_here(services.get(Facts)) if each.in_force]


async def test_a_finding_is_accepted_by_name_and_reason(services: Services) -> None:
    facts = services.get(Facts)
    async with services.db.control() as tx:
        before = {
            each.finding.id: each
            for each in await policy_findings.standing(tx, policy_findings.found_here(facts))
        }
        assert before["C5"].is_open
        done = await policy_findings.accept(tx, facts, "C5", name=f"  {NAME} ", reason=REASON, person=uuid7())
        assert done.accepted is not None
        assert (done.accepted.name, done.accepted.reason, done.is_open) == (NAME, REASON, False)
        with pytest.raises(FindingAccepted):
            await policy_findings.accept(tx, facts, "C5", name="Somebody Else", reason=REASON)
    leaf = "SELECT body FROM audit_leaf WHERE action = 'privacy:finding:accepted' ORDER BY id DESC LIMIT 1"
    async with services.verifier.engine.connect() as connection:
        body = await connection.scalar(text(leaf))
    assert body["finding"] == "C5"
    assert NAME not in json.dumps(body)


async def test_what_is_not_signed_is_not_accepted(services: Services) -> None:
    facts = services.get(Facts)
    async with services.db.control() as tx:
        for name in ("", " ", "x", "To be appointed", "y" * 121):
            with pytest.raises(NameNeeded):
                await policy_findings.accept(tx, facts, "C6", name=name, reason=REASON)
        for reason in ("", "fine", "z" * 501):
            with pytest.raises(ReasonNeeded):
                await policy_findings.accept(tx, facts, "C6", name=NAME, reason=reason)
        with pytest.raises(FindingUnknown):
            await policy_findings.accept(tx, facts, "C99", name=NAME, reason=REASON)
        with pytest.raises(policy_findings.FindingChanged):
            await policy_findings.accept(tx, facts, "C6", name=NAME, reason=REASON, digest="0" * 16)


async def test_an_acceptance_is_for_the_finding_as_it_was(services: Services) -> None:
    facts = services.get(Facts)
    async with services.db.control() as tx:
        await policy_findings.accept(tx, facts, "C16", name=NAME, reason=REASON)
        later = policy_findings.found_here(facts, date(2027, 5, 13))
        [then] = [each for each in await policy_findings.standing(tx, later) if each.finding.id == "C16"]
    assert then.is_open, (
        "what was coming when it was accepted is now in force, and nobody has said anything to that"
    )


async def test_nobody_takes_an_acceptance_back_unseen(services: Services) -> None:
    async with services.db.control() as tx:
        await policy_findings.accept(tx, services.get(Facts), "C8", name=NAME, reason=REASON)
    for sabotage in ("DELETE FROM finding_acceptance", "UPDATE finding_acceptance SET reason = 'x'"):
        with pytest.raises(DBAPIError):
            async with services.db.control() as tx:
                await tx.session.execute(text(sabotage))


async def test_the_command_tells_what_is_open(services: Services) -> None:
    shown = await listed(services, "lint", "--json")
    records = {each["id"]: each for each in json.loads(shown)}
    assert records["C7"]["law"][0]["citation"].startswith("IT (Intermediary Guidelines")
    assert records["C7"]["accepted"] is None
    assert records["C10"]["since"] == "2027-05-13"
    told = await listed(services, "lint", "--on", "2027-05-13")
    assert "✗ C10 (L6)  §10" in told
    assert ", 0 coming" in told


async def listed(services: Services, *arguments: str) -> str:
    """What the command prints; its work is done while it waits, in this loop's installation."""
    found = policy_findings.found_here(
        services.get(Facts), date.fromisoformat(arguments[-1]) if "--on" in arguments else None
    )
    async with services.db.control() as tx:
        standing = await policy_findings.standing(tx, found)

    def run(_work: object) -> Any:
        return standing

    result = CliRunner().invoke(policy_commands(run), list(arguments))
    assert result.exit_code == 1, "some are open"
    return result.output
