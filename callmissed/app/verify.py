"""`callmissed policy verify`: every promise checked now, and said in a terminal as the policy page says it."""

from collections.abc import Iterator, Sequence

import click

from callmissed.foundation.services import Services
from callmissed.privacy import Result, check_all

MARKS = {"kept": ("✓", "green"), "broken": ("✗", "red"), "unknown": ("?", "yellow")}


async def verify_now(services: Services) -> list[Result]:
    """Check every promise on the live installation."""
    return await check_all(services)


def print_verdicts(results: Sequence[Result]) -> None:
    """One line per promise, by section, and the three counts."""
    for line in lines(results):
        click.echo(line)


def lines(results: Sequence[Result]) -> Iterator[str]:
    """The lines of the table."""
    section = 0
    for result in results:
        if result.promise.section != section:
            section = result.promise.section
            yield f"\n§{section}"
        mark, colour = MARKS[result.finding.verdict]
        headline = result.finding.headline % result.finding.figures
        yield f"  {click.style(mark, fg=colour)} {result.promise.id:<24} {headline}"
        if result.finding.verdict == "broken":
            yield f"      {result.finding.explanation % result.finding.figures}"
    counts = {verdict: sum(r.finding.verdict == verdict for r in results) for verdict in MARKS}
    yield f"\n{counts['kept']} kept, {counts['broken']} broken, {counts['unknown']} cannot tell"
