"""`callmissed audit verify FILE`: the export, the key it must have been signed with, a checkpoint kept from before."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callmissed.app.cli import cli
from callmissed.foundation import audit
from callmissed.foundation.services import Services
from tests.support.make import Make


@pytest.fixture
async def export(services: Services, make: Make, tmp_path: Path) -> Path:
    """An export of the whole log with one leaf of our own at its end."""
    async with services.db.tenant(make.access()) as tx:
        await audit.record(tx, "tests:command:tried", body={"times": 1})
    await audit.seal_all(services.db)
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join([f"{line}\n" async for line in audit.export_all(services.verifier, services.vault)])
    )
    return path


def verify(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["audit", "verify", *map(str, arguments)])


def test_the_export_is_verified_with_and_without_the_key(export: Path, services: Services) -> None:
    assert "pass --key" in verify(export).output
    named = verify(export, "--key", audit.verifier_key(services.vault))
    assert (named.exit_code, "pass --key" in named.output) == (0, False)
    assert "the log is as it was signed" in named.output


def test_another_signer_a_changed_line_and_another_past_are_found(export: Path, tmp_path: Path) -> None:
    other = "callmissed/audit+41d5aa0d+AZQMf48xp+s0EkSU8ITWPrfpcyZybO4SJ6f5Mb7Gci/i"
    assert verify(export, "--key", other).exit_code == 1
    changed = tmp_path / "changed.jsonl"
    changed.write_text(export.read_text().replace('"times":1', '"times":2'))
    assert "not the one that was sealed" in verify(changed).output
    assert verify(changed).exit_code == 1
    earlier = tmp_path / "earlier.txt"
    earlier.write_text("callmissed/audit\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n")
    assert verify(export, "--earlier", earlier).exit_code == 1


def test_what_is_no_key_is_said_at_once(export: Path) -> None:
    refused = verify(export, "--key", "hello")
    assert refused.exit_code == 2
    assert "audit key" in refused.output
