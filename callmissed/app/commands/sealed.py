"""`callmissed sealed`: custodians' identities, records handed out on an order, and what two custodians open offline."""

import json
from pathlib import Path
from uuid import UUID

import click

from callmissed.app.commands.running import Run
from callmissed.foundation.problems import NotFound
from callmissed.foundation.services import Services
from callmissed.identity import staff
from callmissed.privacy import sealed_store

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(exists=False, dir_okay=False, writable=True, path_type=Path)


def sealed_commands(run: Run) -> click.Group:
    """The commands; those that need an installation are run by `run`."""

    @click.group("sealed")
    def group() -> None:
        """What law makes us keep after an erasure."""

    for made in (_custodian(), _release(run), _write(run), _open()):
        group.add_command(made)
    return group


def _custodian() -> click.Command:
    @click.command("custodian")
    @click.argument("path", type=NEW_FILE)
    def custodian(path: Path) -> None:
        """Make the identity of a new custodian in the file PATH and print its recipient. Needs no installation.

        The custodian does this on a machine of their own, and keeps the file offline. The recipient goes into
        CALLMISSED_CUSTODIANS.
        """
        identity, recipient = sealed_store.new_identity()
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(f"{identity}\n", encoding="utf-8")
        click.echo(recipient)

    return custodian


def _release(run: Run) -> click.Command:
    @click.command("release")
    @click.argument("record", type=click.UUID)
    @click.option("--authority", required=True, help="Number of the order.")
    @click.option("--ordered-by", required=True, help="Which court or agency ordered it.")
    @click.option("--asked-by", required=True, help="E-mail address of the person of staff who asks.")
    def release(record: UUID, authority: str, ordered_by: str, asked_by: str) -> None:
        """Ask for the sealed RECORD to be handed out. Somebody else of the staff agrees at /operator/sealed."""

        async def work(services: Services) -> UUID:
            async with services.db.control() as tx:
                who = [each.user_id for each in await staff.people(tx) if each.email == asked_by]
                if not who:
                    raise NotFound
                return await sealed_store.ask(tx, who[0], record, ordered_by, authority)

        click.echo(f"{run(work)}")
        click.echo(
            "Once a second person has agreed at /operator/sealed: callmissed sealed write RELEASE FILE",
            err=True,
        )

    return release


def _write(run: Run) -> click.Command:
    @click.command("write")
    @click.argument("release", type=click.UUID)
    @click.argument("path", type=NEW_FILE)
    def write(release: UUID, path: Path) -> None:
        """Write the file of a RELEASE that two people have agreed to. Only two custodians can read what is in it."""

        async def work(services: Services) -> str:
            async with services.db.control() as tx:
                return await sealed_store.file_of(tx, release)

        path.write_text(run(work), encoding="utf-8")
        click.echo(f"written to {path}: two custodians open it with callmissed sealed open")

    return write


def _open() -> click.Command:
    @click.command("open")
    @click.argument("path", type=FILE)
    @click.option(
        "--identity",
        "identities",
        type=FILE,
        multiple=True,
        help="File of a custodian's identity: two of them.",
    )
    def open_file(path: Path, identities: tuple[Path, ...]) -> None:
        """Open the file of a release with two custodians' identities. Needs no installation and no network."""
        keys = [each.read_text(encoding="utf-8") for each in identities]
        columns = json.loads(sealed_store.open_with(path.read_bytes(), keys))
        for name, value in columns.items():
            click.echo(f"{name:<16}{value}")

    return open_file
