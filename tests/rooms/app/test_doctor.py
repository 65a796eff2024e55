"""Each question of the doctor fails when its thing is broken, says the cure, and the cure works. On a real installation."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from callmissed.app import doctor
from callmissed.app.doctor import Check
from callmissed.app.installation import Installation
from callmissed.app.settings import Settings
from callmissed.foundation.postgres import ADMIN, DATABASE, Cluster
from callmissed.foundation.postgres.places import ELSEWHERE
from callmissed.foundation.services import Services
from callmissed.privacy.sealed import new_identity

pytestmark = pytest.mark.database

LEGAL = {
    "legal_name": "Namuna Services Private Limited",
    "registered_office": "4 MG Road, Pune 411001",
    "cin": "U72900PN2024PTC123456",
    "gstin": "27AAPFU0939F1ZV",
}
QUESTIONS = (
    "Python", "PostgreSQL binaries", "free disk", "keyring is private", "no orphaned data", "port", "operator's legal identity",
    "custodians of the sealed store", "mail", "databases", "schema", "partitions ahead", "suppliers' reports, 30 days",
    "key plane is apart",
)  # fmt: skip


def asked(installation: Installation, **changes: Any) -> dict[str, Check]:
    """What the doctor finds with these settings changed, by question."""
    settings = installation.settings.model_copy(update=LEGAL | changes)
    return {re.sub(r" \d+$", "", each.what): each for each in doctor.run(settings)}


@pytest.fixture
def admin(installation: Installation) -> Generator[psycopg.Connection]:
    """The owner of the data, to break things with; whatever it does is undone."""
    with psycopg.connect(installation.data.dsn(ADMIN, DATABASE).psycopg, autocommit=True) as connection:
        yield connection


def test_a_sound_installation_passes_every_question_in_order(installation: Installation) -> None:
    found = asked(installation)
    assert tuple(found) == QUESTIONS
    assert [f"{each.what}: {each.found}" for each in found.values() if not each.passed] == []


def test_custodians(installation: Installation) -> None:
    what = "custodians of the sealed store"
    laptop = asked(installation)[what]
    assert (laptop.passed, "both keys lie on this machine" in laptop.found) == (True, True)
    nobody = asked(installation, production=True)[what]
    assert (nobody.passed, nobody.found) == (False, "none named")
    assert "callmissed sealed custodian" in nobody.cure
    one = asked(installation, custodians=f"asha={new_identity()[1]}")[what]
    assert not one.passed
    two = f"asha={new_identity()[1]}, ravi={new_identity()[1]}"
    assert asked(installation, production=True, custodians=two)[what].found == "asha, ravi"


def test_an_open_keyring(installation: Installation, services: Services) -> None:
    keyring = installation.home / "keyring"
    keyring.chmod(0o755)
    try:
        found = asked(installation)["keyring is private"]
        assert (found.passed, found.cure) == (False, f"chmod 700 {keyring.resolve()}")
        subprocess.run(found.cure.split(), check=True)
        assert asked(installation)["keyring is private"].passed
    finally:
        keyring.chmod(0o700)


def test_data_that_nobody_looks_after(installation: Installation) -> None:
    left = ELSEWHERE / "planted-000000"
    left.mkdir(parents=True)
    try:
        (left / "origin").write_text(f"{installation.home}/gone\n")
        found = asked(installation)["no orphaned data"]
        assert not found.passed
        assert str(left) in found.found
        assert found.cure.startswith("remove the folders named")
    finally:
        shutil.rmtree(left)
    assert asked(installation)["no orphaned data"].passed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"legal_name": ""}, "legal_name: missing"),
        ({"cin": "U72900"}, "cin: not a company number"),
        ({"gstin": "27AAPFU0939F1ZX"}, "gstin: its check character is wrong"),
    ],
)
def test_an_operator_nobody_knows(installation: Installation, changes: dict[str, str], said: str) -> None:
    found = asked(installation, **changes)["operator's legal identity"]
    assert (found.passed, found.found) == (False, said)
    [name] = changes
    assert f"set CALLMISSED_{name.upper()};" in found.cure


def test_production_without_mail(installation: Installation) -> None:
    found = asked(installation, production=True)["mail"]
    assert (found.passed, found.cure) == (False, "set CALLMISSED_SMTP_URL")
    assert asked(installation, production=True, smtp_url=SecretStr("smtp://mail.example"))["mail"].passed


def test_a_port_in_use_is_said_and_is_no_failure(installation: Installation) -> None:
    """The installation itself may be the one that uses it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = asked(installation, port=port)["port"]
        assert (found.passed, found.found.partition(",")[0]) == (True, "in use")
    assert asked(installation, port=port)["port"].found == "free"


def test_a_database_that_does_not_answer(installation: Installation) -> None:
    """Nothing after it is asked, and the message says what is wrong."""
    [*_, last] = doctor.run(
        Settings(home=installation.home, database_url=SecretStr("mysql://nobody@127.0.0.1/x"))
    )
    assert (last.what, last.passed) == ("databases", False)
    assert "DATABASE_URL must look like" in last.found
    nobody = asked(installation, database_url=SecretStr("postgresql://nobody:x@127.0.0.1:1/x"))
    assert list(nobody)[-1] == "databases"
    assert not nobody["databases"].passed


def test_a_schema_of_another_release(installation: Installation, admin: psycopg.Connection) -> None:
    version = admin.execute("SELECT version_num FROM alembic_version").fetchone()
    assert version
    admin.execute("UPDATE alembic_version SET version_num = '0000'")
    try:
        found = asked(installation)["schema"]
        assert (found.passed, found.cure) == (False, "callmissed migrate")
    finally:
        admin.execute("UPDATE alembic_version SET version_num = %s", version)
    assert asked(installation)["schema"].passed


def test_partitions_that_run_out(installation: Installation, admin: psycopg.Connection) -> None:
    ahead = admin.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r'"
        " AND i.inhparent = 'usage_record'::regclass AND to_date(right(c.relname, 6), 'YYYYMM') > CURRENT_DATE"
        " ORDER BY 1"
    ).fetchall()
    assert len(ahead) >= 2
    with psycopg.connect(installation.data.dsn(ADMIN, DATABASE).psycopg) as breaking:
        for (name,) in ahead[1:]:
            breaking.execute(f"ALTER TABLE usage_record DETACH PARTITION {name}".encode())
        breaking.commit()
        try:
            found = asked(installation)["partitions ahead"]
            assert (found.passed, found.found) == (False, "1 months")
            assert found.cure.startswith("keep a worker running")
        finally:
            for (name,) in ahead[1:]:
                month = f"{name[-6:-2]}-{name[-2:]}-01"
                breaking.execute(
                    f"ALTER TABLE usage_record ATTACH PARTITION {name} FOR VALUES FROM ('{month}')"
                    f" TO ('{month}'::timestamptz + interval '1 month')".encode()
                )
            breaking.commit()
    assert asked(installation)["partitions ahead"].passed


def test_keys_on_the_data_server(installation: Installation) -> None:
    together = Installation(installation.settings, installation.home, installation.data, installation.data)
    assert isinstance(installation.data, Cluster)
    assert doctor._apart(installation)
    assert not doctor._apart(together)


def test_the_command_numbers_them_and_fails_with_the_cure(tmp_path: Path) -> None:
    """As an operator sees it, on a home of its own."""
    outcome = subprocess.run(
        [sys.executable, "-m", "callmissed.app.cli", "doctor"],
        env={"CALLMISSED_HOME": str(tmp_path), "CALLMISSED_DATABASE_URL": "nonsense", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = outcome.stdout.splitlines()
    assert outcome.returncode == 1, outcome.stderr
    assert lines[0].startswith(" 1. ok   Python: ")
    place = next(n for n, line in enumerate(lines) if "FAIL operator's legal identity" in line)
    assert lines[place + 1].strip().startswith("cure: set CALLMISSED_LEGAL_NAME, ")
    assert any(re.match(r"10\. FAIL databases: ", line) for line in lines)
    assert "Traceback" not in outcome.stderr
