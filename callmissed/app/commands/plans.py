"""`callmissed plan`: which plan a workspace is on."""

from uuid import UUID

import click

from callmissed.app.commands.running import Run
from callmissed.billing import PLANS
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import workspaces


def plan_command(run: Run) -> click.Command:
    """The command, run by `run`."""

    @click.command("plan")
    @click.argument("tenant", type=click.UUID)
    @click.argument("plan", type=click.Choice(sorted(PLANS)))
    def command(tenant: UUID, plan: str) -> None:
        """Put the workspace TENANT (the id on its wallet page) on PLAN: its requests a minute, calls a month and seats.

        Every server keeps to it within a second. It stands in the workspace's audit log.
        """

        async def work(services: Services) -> str:
            async with services.db.tenant(Access.system(tenant)) as tx:
                return await workspaces.put_on_plan(tx, plan)

        click.echo(f"{run(work)} is on the plan {plan}.")

    return command
