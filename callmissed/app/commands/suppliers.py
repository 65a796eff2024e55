"""`callmissed supplier`: what suppliers say they counted."""

from pathlib import Path

import click

from callmissed.app.commands.running import Run
from callmissed.foundation.services import Services
from callmissed.gateway import supplier_reports


def supplier_commands(run: Run) -> click.Group:
    """The commands, each run by `run`."""

    @click.group("supplier")
    def group() -> None:
        """What suppliers of models say they counted."""

    @group.command("import")
    @click.argument("upstream")
    @click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    def import_report(upstream: str, path: Path) -> None:
        """Compare a report of UPSTREAM, a CSV with date, model, requests, tokens_in and tokens_out, with what was metered.

        Days are in UTC. A day that is imported again replaces what was known of it. Exits 1 when figures differ by more than 1 %.
        """
        try:
            content = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise click.BadParameter("this is no text in UTF-8", param_hint="PATH") from None

        async def work(services: Services) -> list[supplier_reports.Compared]:
            days = await supplier_reports.import_file(services, upstream, content)
            async with services.db.control() as tx:
                return await supplier_reports.differences(tx, upstream, days)

        found = run(work)
        for each in found:
            click.echo(
                f"{each.day}  {each.model:<40} {each.figure:<15} ours {each.ours:>12}  theirs {each.theirs:>12}"
            )
        click.echo(
            "Both counted the same." if not found else f"{len(found)} figures differ by more than 1 %."
        )
        if found:
            raise SystemExit(1)

    return group
