"""The command `callmissed`: everything an operator does from a terminal."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import uvloop
from pydantic import ValidationError

from callmissed import __version__
from callmissed.app import doctor as doctor_checks
from callmissed.app.commands.children import child_commands
from callmissed.app.commands.plans import plan_command
from callmissed.app.commands.policy import policy_commands
from callmissed.app.commands.sealed import sealed_commands
from callmissed.app.commands.staff import staff_commands
from callmissed.app.commands.suppliers import supplier_commands
from callmissed.app.demo.seed import seed_demo
from callmissed.app.installation import joined, refuse_second, running
from callmissed.app.main import create_pages_app
from callmissed.app.serving import listen, serve
from callmissed.app.settings import Settings
from callmissed.app.wiring import wired
from callmissed.billing import grant, purse
from callmissed.foundation import receipts, telemetry
from callmissed.foundation.audit import (
    PublicKey,
    Report,
    export_all,
    shown,
    verifier_key,
    verify_lines,
    verify_log,
)
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees, show
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import describe_model_api
from callmissed.identity import erasing, workspace

T = TypeVar("T")

MOST_AT_ONCE = rupees(10_00_000)
"""The most one command adds to a wallet: a slip of the finger should not be worth more."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """CallMissed: AI chat and voice for Indian businesses, with a privacy policy that is executable."""
    telemetry.configure(Settings().log_level)


def main() -> None:
    """Run the command. A Problem or a wrong setting is a line on the terminal and exit status 1, never a traceback."""
    try:
        cli()
    except ValidationError as wrong:
        for each in wrong.errors(include_input=False, include_url=False):
            name = str(each["loc"][0]).upper()
            name = name if name.startswith("CALLMISSED_") else f"CALLMISSED_{name}"
            click.echo(f"callmissed: the setting {name} is wrong: {each['msg']}", err=True)
        sys.exit(1)
    except Problem as problem:
        details = "".join(f"\n  {name}: {value}" for name, value in problem.details.items())
        click.echo(f"callmissed: {problem.message}{details}", err=True)
        sys.exit(1)


def with_services(work: Callable[[Services], Awaitable[T]]) -> T:
    """Run one piece of work on the running installation, or on one started for it."""

    async def run() -> T:
        async with wired(installation) as services:
            return await work(services)

    with joined(Settings()) as installation:
        return asyncio.run(run())


@cli.command()
@click.option("--demo", is_flag=True, help="Seed one believable company and print the links to look at.")
def up(*, demo: bool) -> None:
    """Start everything in one process: databases, web server, worker."""
    settings = Settings()
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # until we serve: a stop in good order, as by Ctrl+C

    async def ready(services: Services) -> None:
        if demo:
            step("Seeding the demo company")
            links = await seed_demo(services)
            click.echo("")
            for name, link in links.items():
                click.echo(f"  {name:<18}{link}")
        click.echo(f"\nCallMissed is ready at {services.base_url}. Stop it with Ctrl+C.")

    refuse_second(settings)
    listening = listen(settings)
    try:
        with listening, running(settings, step) as installation:
            step("Starting web server and worker")
            uvloop.run(serve(installation, listening, ready=ready))
    except KeyboardInterrupt:
        step("Stopped before everything was up. Nothing is lost.")
        sys.exit(130)
    step("Stopped. Everything is saved.")


def step(message: str) -> None:
    """Say what is being done."""
    click.echo(f"• {message[:1].upper()}{message[1:]}")


@cli.command("serve")
def serve_web() -> None:
    """Start a web server only. Needs the databases of `up`, or outside ones."""
    settings = Settings()
    with listen(settings) as listening, joined(settings) as installation:
        uvloop.run(serve(installation, listening, work=False))


@cli.command()
def worker() -> None:
    """Start a worker only. Needs the databases of `up`, or outside ones."""
    with joined(Settings()) as installation:
        uvloop.run(serve(installation, None))


@cli.command()
def migrate() -> None:
    """Bring the schema to this release, then stop."""
    with running(Settings(), step):
        step("The schema is up to date")


@cli.command()
def doctor() -> None:
    """Check the installation, number by number; each failure says its cure."""
    failed = 0
    for number, result in enumerate(doctor_checks.run(Settings()), 1):
        failed += not result.passed
        click.echo(f"{number:>2}. {'ok  ' if result.passed else 'FAIL'} {result.what}: {result.found}")
        if not result.passed:
            click.echo(f"        cure: {result.cure}")
    sys.exit(1 if failed else 0)


@cli.group("audit")
def audit_group() -> None:
    """The audit log."""


@audit_group.command("export")
@click.argument("path", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def audit_export(path: Path) -> None:
    """Write the whole log with its checkpoints to a file that can be verified offline."""

    async def write(services: Services) -> int:
        count = 0
        with path.open("w", encoding="utf-8") as out:
            async for line in export_all(services.verifier, services.vault):
                out.write(line if line.endswith("\n") else f"{line}\n")
                count += 1
        return count

    click.echo(f"{with_services(write)} lines written to {path}")


@audit_group.command("key")
def audit_key() -> None:
    """Print the key that signs the log. Publish it where nobody who runs the database can change it."""

    async def read(services: Services) -> str:
        return str(verifier_key(services.vault))

    click.echo(with_services(read))


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@audit_group.command("verify")
@click.argument("path", required=False, type=FILE)
@click.option(
    "--key", help="Who must have signed, as `audit key` prints it. Default: whoever the export names."
)
@click.option(
    "--earlier", type=FILE, help="A checkpoint kept from an earlier day, which the log must continue."
)
def audit_verify(path: Path | None, key: str | None, earlier: Path | None) -> None:
    """Verify an exported file offline, or the live log. Exits 1 when something was changed."""
    kept = earlier.read_text(encoding="utf-8") if earlier else None
    report = (
        _verify_file(path, key, kept)
        if path
        else with_services(lambda it: verify_log(it.verifier, it.vault, kept))
    )
    for line in shown(report, key_given=path is None or key is not None):
        click.echo(line)
    sys.exit(1 if report.findings else 0)


def _verify_file(path: Path, key: str | None, earlier: str | None) -> Report:
    try:
        signer = PublicKey.parse(key) if key else None
    except ValueError:
        raise click.BadParameter("this is not a key as `audit key` prints it", param_hint="--key") from None
    with path.open(encoding="utf-8") as lines:
        return verify_lines(lines, signer, earlier)


@cli.group("wallet")
def wallet_group() -> None:
    """The wallets of workspaces."""


@wallet_group.command("grant")
@click.argument("tenant", type=click.UUID)
@click.argument("amount")
@click.option(
    "--reason",
    type=click.Choice(["grant", "topup"]),
    default="grant",
    show_default=True,
    help="grant: given; topup: it was paid for.",
)
def wallet_grant(tenant: UUID, amount: str, reason: str) -> None:
    """Add AMOUNT rupees to the wallet of the workspace TENANT: the id on its wallet page, so that no name or address is needed.

    Each call adds once more. It stands in the ledger and in the audit log.
    """
    try:
        micro = rupees(amount)
    except (ValueError, ArithmeticError):
        raise click.BadParameter("not an amount in rupees, such as 2500 or 99.50") from None
    if not 0 < micro <= MOST_AT_ONCE:
        raise click.BadParameter(f"between ₹0 and {show(MOST_AT_ONCE, 0)} at once")

    async def give(services: Services) -> str:
        async with services.db.tenant(Access.system(tenant)) as tx:
            where = await workspace(tx)
            await grant(tx, micro, reason, uuid7())
            left = (await purse(tx)).balance_micro
        return f"{show(micro)} added to {where.name}; its wallet holds {show(left, down=True)}"

    click.echo(with_services(give))


@cli.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="File; standard output by default.",
)
@click.option("--model-api", is_flag=True, help="Of /v1 and /anthropic, as GET /v1/openapi.json tells it.")
def openapi(output: Path | None, *, model_api: bool) -> None:
    """Print the OpenAPI document of the pages and the management API, or of the model API."""

    async def describe(services: Services) -> dict[str, Any]:
        return create_pages_app(services, Settings()).openapi()

    told = json.loads(describe_model_api()) if model_api else with_services(describe)
    text = json.dumps(told, indent=2)
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        click.echo(text)


@cli.group("receipt")
def receipt_group() -> None:
    """Receipts of what was erased."""


@receipt_group.command("export")
@click.argument("subject", type=click.UUID)
def receipt_export(subject: UUID) -> None:
    """Print the signed receipts of the workspace or account with this id."""

    async def read(services: Services) -> list[str]:
        async with services.db.control() as tx:
            return await erasing.receipts_of(tx, subject)

    for text in with_services(read):
        click.echo(text)


@receipt_group.command("key")
def receipt_key() -> None:
    """Print the public key that receipts of this installation are verified with."""

    async def read(services: Services) -> str:
        return receipts.public_key(services.vault)

    click.echo(with_services(read))


@receipt_group.command("verify")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", help="The public key, kept apart; by default that of this installation.")
def receipt_verify(path: Path, key: str | None) -> None:
    """Verify a file of receipts, with --key without any installation. Exits 1 when one does not hold."""

    async def read(services: Services) -> str:
        return receipts.public_key(services.vault)

    for body in receipts.read_all(path.read_text(encoding="utf-8"), key or with_services(read)):
        kept = f", {body['kept']['rows']} kept by law" if body["kept"] else ""
        click.echo(
            f"{body['erased_at']}  {body['store']:<24}{body['rows']:>10} rows, {body['key_count']} keys{kept}"
        )


cli.add_command(child_commands(with_services))
cli.add_command(staff_commands(with_services))
cli.add_command(plan_command(with_services))
cli.add_command(policy_commands(with_services))
cli.add_command(sealed_commands(with_services))
cli.add_command(supplier_commands(with_services))


if __name__ == "__main__":
    main()
