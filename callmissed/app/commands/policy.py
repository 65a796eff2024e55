"""`callmissed policy`: the promises checked, the text held against the law, a column explained, a version published."""

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import click

from callmissed.app.commands.notices import notices_command
from callmissed.app.commands.running import Run
from callmissed.app.verify import print_verdicts, verify_now
from callmissed.foundation import clock
from callmissed.foundation.services import Services
from callmissed.privacy import Facts, policy_findings, policy_versions, publish_version

DAY = click.DateTime(formats=["%Y-%m-%d"])


def policy_commands(run: Run) -> click.Group:
    """The commands, each run by `run`."""

    @click.group("policy")
    def group() -> None:
        """The privacy policy and its promises."""

    for made in (_verify(run), _lint(run), _explain(run), _accept(run), _publish(run), notices_command(run)):
        group.add_command(made)
    return group


def _verify(run: Run) -> click.Command:
    @click.command("verify")
    @click.option(
        "--json", "as_json", is_flag=True, help="Print a list of id, clause, verdict, figures, checked_at."
    )
    def verify(*, as_json: bool) -> None:
        """Check every promise on the live installation. Exits 1 when one is broken."""
        results = run(verify_now)
        if as_json:
            click.echo(json.dumps([result.as_json() for result in results], indent=2, ensure_ascii=False))
        else:
            print_verdicts(results)
        sys.exit(1 if any(result.finding.verdict == "broken" for result in results) else 0)

    return verify


def _lint(run: Run) -> click.Command:
    @click.command("lint")
    @click.option("--on", type=DAY, help="The day to judge by, such as 2027-05-13. Default: today, in India.")
    @click.option("--json", "as_json", is_flag=True, help="Print the findings as a list for machines.")
    def lint(on: datetime | None, *, as_json: bool) -> None:
        """Hold the policy against the law: each finding with both citations and a proposal.

        Exits 1 when one is in force that nobody has accepted by name.
        """

        async def work(services: Services) -> list[policy_findings.Standing]:
            found = policy_findings.found_here(services.get(Facts), on.date() if on else None)
            async with services.db.control() as tx:
                return await policy_findings.standing(tx, found)

        listed = run(work)
        if as_json:
            click.echo(json.dumps([as_record(each) for each in listed], indent=2, ensure_ascii=False))
        else:
            for line in lint_lines(listed):
                click.echo(line)
        sys.exit(1 if any(each.is_open for each in listed) else 0)

    return lint


def as_record(each: policy_findings.Standing) -> dict[str, Any]:
    """A finding for machines. Days are ISO 8601; `accepted` is null where nobody answers for it."""
    found, by = each.finding, each.accepted
    return {
        "id": found.id,
        "also": list(found.also),
        "clause": found.clause,
        "policy": found.says,
        "why": found.why,
        "proposal": found.cure,
        "law": [{"id": row.id, "citation": row.citation, "confidence": row.confidence} for row in found.law],
        "since": found.since.isoformat(),
        "in_force": found.in_force,
        "tables": list(found.tables),
        "digest": found.digest,
        "accepted": {"name": by.name, "at": by.at.isoformat(), "reason": by.reason} if by else None,
    }


def lint_lines(listed: list[policy_findings.Standing]) -> Iterator[str]:
    """The findings for a terminal: those in force first."""
    marks = {True: click.style("✗", fg="red"), False: click.style("✓", fg="green")}
    for each in listed:
        found = each.finding
        mark = marks[each.is_open] if found.in_force else click.style("·", fg="yellow")
        when = "" if found.in_force else f"  from {found.since}"
        also = f" ({', '.join(found.also)})" if found.also else ""
        yield f"\n{mark} {found.id}{also}  {found.clause}{when}"
        yield f"    policy    {found.says}"
        yield f"    law       {found.why}"
        yield from (f"              {row.citation} [{row.confidence}]" for row in found.law)
        yield f"    proposal  {found.cure}"
        if found.tables:
            yield f"    tables    {', '.join(found.tables)}"
        if each.accepted:
            day = each.accepted.at.astimezone(clock.IST).date()
            yield f"    accepted  {each.accepted.name or 'somebody erased since'}, {day}: {each.accepted.reason}"
    coming = sum(not each.finding.in_force for each in listed)
    opened = sum(each.is_open for each in listed)
    yield f"\n{len(listed) - coming} in force, {opened} of them open, {coming} coming"


def _explain(run: Run) -> click.Command:
    @click.command("explain")
    @click.argument("column")
    @click.option("--on", type=DAY, help="The day to explain, such as 2027-05-13. Default: today, in India.")
    def explain(column: str, on: datetime | None) -> None:
        """Say of COLUMN (table.column) what it holds, why, whose it is, how long and under which rule, and what changes."""
        day: date | None = on.date() if on else None

        async def work(services: Services) -> list[str]:
            return policy_findings.told(policy_findings.explain_here(services.get(Facts), column, day))

        click.echo("\n".join(run(work)))

    return explain


def _accept(run: Run) -> click.Command:
    @click.command("accept")
    @click.argument("finding")
    @click.option("--name", required=True, help="Who answers for it: a person, by name.")
    @click.option("--reason", required=True, help="Why it is accepted, in a sentence.")
    def accept(finding: str, name: str, reason: str) -> None:
        """Accept FINDING (an id of `policy lint`) as it is now. It stands in the audit log; a change opens it again."""

        async def work(services: Services) -> None:
            async with services.db.control() as tx:
                await policy_findings.accept(tx, services.get(Facts), finding, name=name, reason=reason)

        run(work)
        click.echo(f"{finding} is accepted by {name}.")

    return accept


def _publish(run: Run) -> click.Command:
    @click.command("publish")
    @click.option("--draft", is_flag=True, help="Only say what would be published.")
    @click.option("--required-by", help="The law that requires the change at once: act or rule, and section.")
    def publish(*, draft: bool, required_by: str | None) -> None:
        """Record what the policy says now as a new version (Policy §12).

        In production an important change is told to everybody first and applies 30 days after the last was told; everything
        else applies now.
        """

        async def work(services: Services) -> policy_versions.Draft | policy_versions.Version | None:
            if not draft:
                return await publish_version(services, required_by=required_by)
            async with services.db.control() as tx:
                return await policy_versions.draft(tx, services.get(Facts))

        for line in publish_lines(run(work)):
            click.echo(line)

    return publish


def publish_lines(made: policy_versions.Draft | policy_versions.Version | None) -> Iterator[str]:
    """What was, or would be, published: important changes first."""
    if made is None:
        yield "Nothing has changed since the last version."
        return
    if isinstance(made, policy_versions.Version):
        yield f"Version {made.number}: {made.summary}"
    else:
        yield f"Draft: {made.summary}"
    yield from (f"  {'!' if each.material else ' '} {each.told()}" for each in made.changes)
    if isinstance(made, policy_versions.Draft):
        yield (
            "Important: people are told 30 days before."
            if made.is_material
            else "Nothing important: applies at once."
        )
    elif made.effective_at is None:
        yield "Everybody is being told; it applies 30 days after the last was."
