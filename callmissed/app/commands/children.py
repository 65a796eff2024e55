"""`callmissed child`: signs that an account belongs to a child."""

from uuid import UUID

import click

from callmissed.app.commands.running import Run
from callmissed.foundation import clock
from callmissed.foundation.services import Services
from callmissed.identity import children


def child_commands(run: Run) -> click.Group:
    """The commands, each run by `run`."""

    @click.group("child")
    def group() -> None:
        """Signs that an account belongs to a child."""

    @group.command("report")
    @click.argument("email")
    def child_report(email: str) -> None:
        """Note a sign about the account of this address; it is closed until the sign is settled."""

        async def note(services: Services) -> children.Signal:
            async with services.db.control() as tx:
                return await children.report(tx, email)

        signal = run(note)
        click.echo(
            f"{signal.id}: to be settled until {signal.due_at.astimezone(clock.IST):%d %B %Y, %H:%M} IST"
        )

    @group.command("list")
    def child_list() -> None:
        """List the signs that wait to be settled."""

        async def read(services: Services) -> list[children.Signal]:
            async with services.db.control() as tx:
                return await children.open_signals(tx)

        for each in run(read):
            click.echo(
                f"{each.id}  account {each.user_id}  until {each.due_at.astimezone(clock.IST):%d %B %H:%M}"
            )

    @group.command("settle")
    @click.argument("signal", type=click.UUID)
    @click.option(
        "--erase/--adult", "is_child", required=True, help="Erase the account, or let it work again."
    )
    def child_settle(signal: UUID, *, is_child: bool) -> None:
        """Settle a sign: the account is erased within the minute, or it is an adult's and works again."""

        async def decide(services: Services) -> None:
            async with services.db.control() as tx:
                await children.settle(tx, signal, is_child=is_child)

        run(decide)
        click.echo("Settled.")

    return group
