"""`callmissed staff`: who works for the operator. The first person can only come from here; what they do later is in the console."""

from collections.abc import Awaitable, Callable, Iterator

import click

from callmissed.foundation.clock import IST
from callmissed.foundation.services import Services
from callmissed.identity import staff

Run = Callable[[Callable[[Services], Awaitable[None]]], object]
"""Runs one piece of work on the installation."""


def staff_commands(run: Run) -> click.Group:
    """The commands, each run by `run`."""

    @click.group("staff")
    def group() -> None:
        """The people who work for the operator."""

    @group.command("add")
    @click.argument("email")
    @click.argument("role", type=click.Choice(sorted(staff.STAFF_ROLES)))
    def add(email: str, role: str) -> None:
        """Put the person with this EMAIL on the staff in this ROLE, or change their role.

        It works once they have signed in and signed the undertaking at /operator.
        """

        async def work(services: Services) -> None:
            async with services.db.control() as tx:
                await staff.add(tx, email, role)

        run(work)
        click.echo(f"{email} is on the staff as {role}. The role works once they have signed at /operator.")

    @group.command("remove")
    @click.argument("email")
    def remove(email: str) -> None:
        """Take the person with this EMAIL off the staff. What they have open ends at once."""

        async def work(services: Services) -> None:
            async with services.db.control() as tx:
                await staff.remove(tx, email)

        run(work)
        click.echo(f"{email} is no longer on the staff.")

    @group.command("list")
    def listed() -> None:
        """Print who is on the staff, and whether they have signed."""

        async def work(services: Services) -> None:
            async with services.db.control() as tx:
                found = await staff.people(tx)
            for line in lines(found):
                click.echo(line)

        run(work)

    return group


def lines(people: list[staff.Staff]) -> Iterator[str]:
    """One line for each person, those who have left last."""
    for each in sorted(people, key=lambda one: one.removed_at is not None):
        if each.removed_at is not None:
            state = f"left {each.removed_at.astimezone(IST):%Y-%m-%d}"
        elif each.is_bound and each.signed_at is not None:
            state = f"signed version {each.signed_version} on {each.signed_at.astimezone(IST):%Y-%m-%d}"
        else:
            state = "has not signed: the role does not work"
        yield f"{each.handle}  {each.role:<10} {each.email}  {state}"
    if not people:
        yield "Nobody yet. Add the first with: callmissed staff add EMAIL security"
