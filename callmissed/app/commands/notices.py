"""`callmissed policy notices`: every notice written to a folder, in one language."""

from pathlib import Path

import click

from callmissed.app.commands.running import Run
from callmissed.foundation.services import Services
from callmissed.privacy import Facts, policy_notices


def notices_command(run: Run) -> click.Command:
    """The command, run by `run`."""

    @click.command("notices")
    @click.option(
        "--language",
        type=click.Choice(list(policy_notices.LANGUAGES)),
        default="en",
        help="Tag of the language, such as hi.",
        show_default=True,
    )
    @click.option(
        "--format",
        "ending",
        type=click.Choice(list(policy_notices.FORMATS)),
        default="md",
        help="What to write.",
        show_default=True,
    )
    @click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        help="The folder; made if missing.",
    )
    def notices(language: str, ending: str, out: Path) -> None:
        """Write every notice, with the operator's facts, in a language. The same bytes each time."""

        async def work(services: Services) -> tuple[policy_notices.Compiled, ...]:
            return policy_notices.compile_documents(services.get(Facts), language)

        out.mkdir(parents=True, exist_ok=True)
        for document in run(work):
            path = out / f"{document.name}.{ending}"
            path.write_text(policy_notices.rendered(document, ending), encoding="utf-8")
            here, every = document.translated
            click.echo(f"{path}: {here} of {every} lines in {policy_notices.LANGUAGES[language]}")

    return notices
