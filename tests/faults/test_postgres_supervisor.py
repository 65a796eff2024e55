"""Life and death of our own PostgreSQL server: real processes, killed for real."""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from callmissed.foundation.postgres import ADMIN, Cluster, startup
from callmissed.foundation.postgres.problems import AlreadyRunning, ServerFailed
from callmissed.foundation.postgres.process import members, send

pytestmark = [pytest.mark.database, pytest.mark.faults]


def passable() -> Iterator[Path]:
    """A directory that any account may pass through: pytest's own are closed to all but us."""
    path = Path(tempfile.mkdtemp(prefix="cm-pg-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


empty_home = pytest.fixture(passable, name="empty_home")
home = pytest.fixture(
    passable, name="home", scope="module"
)  # set up once; most tests only start what is there


@pytest.fixture
def cluster(home: Path) -> Iterator[Cluster]:
    made = Cluster(home, "keys", memory="keys")
    yield made
    made.stop()
    send(processes(made), signal.SIGKILL)


def ask(cluster: Cluster, question: str) -> object:
    with psycopg.connect(cluster.dsn(ADMIN, "postgres").psycopg, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def run(cluster: Cluster, command: str) -> None:
    with psycopg.connect(cluster.dsn(ADMIN, "postgres").psycopg, autocommit=True) as connection:
        connection.execute(command.encode())


def soon(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def processes(cluster: Cluster) -> list[int]:
    return members(cluster.place.cluster_name, cluster.place.account) or []


PARENT = """
    import os, sys, time
    from pathlib import Path
    from callmissed.foundation.postgres import Cluster, process
    {sabotage}
    cluster = Cluster(Path(sys.argv[1]), "keys", memory="keys")
    cluster.start()
    child = os.fork()  # as a web server's worker: it must not keep the lock
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(cluster.pid, child, flush=True)
    time.sleep(60)
"""


def killed_parent(home: Path, sabotage: str = "") -> tuple[int, int]:
    """Start a server from another process and kill that process; the ids of its postmaster and its other child."""
    program = textwrap.dedent(PARENT).format(sabotage=sabotage)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        postmaster, child = map(int, parent.stdout.readline().split())
        parent.kill()
    return postmaster, child


def test_starts_cold_and_warm_and_keeps_what_was_written(empty_home: Path) -> None:
    cluster = Cluster(empty_home, "keys", memory="keys")
    told: list[str] = []
    cluster.start(told.append)
    assert told == ["setting up a new database"]
    assert cluster.serving
    assert ask(cluster, "SHOW data_checksums") == "on"
    assert ask(cluster, "SHOW listen_addresses") == ""
    assert ask(cluster, "SHOW fsync") == "on"
    run(cluster, "CREATE TABLE kept AS SELECT 42 AS answer")
    cluster.stop()
    assert cluster.pid is None
    assert not cluster.serving
    with cluster:
        assert ask(cluster, "SELECT answer FROM kept") == 42


def test_a_killed_postmaster_is_reaped_and_started_again(cluster: Cluster) -> None:
    cluster.start()
    run(cluster, "CREATE TABLE survivor AS SELECT 42 AS answer")
    first = cluster.pid
    cluster.kill()
    assert cluster.pid is None
    cluster.start()
    assert cluster.pid != first
    assert ask(cluster, "SELECT answer FROM survivor") == 42


def test_orphans_of_a_killed_postmaster_do_not_hinder_the_next(cluster: Cluster) -> None:
    cluster.start()
    busy = psycopg.connect(cluster.dsn(ADMIN, "postgres").psycopg)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")
    cluster.kill()
    time.sleep(0.3)  # the idle ones notice by themselves, the busy one does not
    assert processes(cluster)
    cluster.start()
    assert ask(cluster, "SELECT 1") == 1
    busy.close()


def test_the_server_dies_with_its_parent(home: Path) -> None:
    postmaster, child = killed_parent(home)
    cluster = Cluster(home, "keys", memory="keys")
    try:
        assert soon(lambda: postmaster not in processes(cluster), 2)
        assert soon(lambda: not processes(cluster), 2)
        with cluster:  # the other child of the dead parent still lives, without the lock
            assert ask(cluster, "SELECT 1") == 1
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_start_waits_for_a_predecessor_that_is_still_ending(home: Path) -> None:
    _, child = killed_parent(home)
    os.kill(child, signal.SIGKILL)
    with Cluster(home, "keys", memory="keys") as cluster:  # at once
        assert ask(cluster, "SELECT 1") == 1


def test_without_the_kernels_signal_it_would_live_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted offence to the two above, and what a start says to a server that shows no sign of ending."""
    postmaster, child = killed_parent(home, sabotage="process._ending_with = lambda parent: lambda: None")
    os.kill(child, signal.SIGKILL)
    cluster = Cluster(home, "keys", memory="keys")
    try:
        assert not soon(lambda: postmaster not in processes(cluster), 1)
        # house: mock a patience of minutes, cut to what a test can wait for
        monkeypatch.setattr(startup, "LIVING_SECONDS", 0.2)
        with pytest.raises(AlreadyRunning, match=str(postmaster)):
            cluster.start()
    finally:
        os.kill(postmaster, signal.SIGINT)
        assert soon(lambda: not processes(cluster), 5)


def test_a_parent_killed_while_it_sets_up_leaves_nothing_in_the_way(empty_home: Path) -> None:
    program = textwrap.dedent(PARENT).format(sabotage="")
    folder = empty_home / "keys"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(empty_home)], stdout=subprocess.DEVNULL
    ) as parent:
        assert soon(lambda: bool(list(folder.glob("data.new-*/PG_VERSION"))), 10)
        parent.kill()
    with Cluster(empty_home, "keys", memory="keys") as cluster:
        assert ask(cluster, "SELECT 1") == 1
    assert not list(folder.glob("data.new-*"))


def held_up(cluster: Cluster, seconds: float) -> threading.Timer:
    """A server that stands still for a while on its way up, as in a long recovery."""
    pid = cluster.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(seconds, os.kill, (pid, signal.SIGCONT))
    timer.start()
    return timer


def test_a_long_recovery_is_waited_for_and_spoken_of(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # house: mock a patience of minutes, cut to what a test can wait for
    monkeypatch.setattr(startup, "TELL_SECONDS", 0.1)
    told: list[str] = []
    steps = cluster._start(told.append)
    next(steps)
    timer = held_up(cluster, 0.5)
    deque(map(time.sleep, steps), maxlen=0)
    timer.join()
    assert len(told) >= 3
    assert "starting or recovering" in told[-1]
    assert ask(cluster, "SELECT 1") == 1


def test_a_start_that_takes_too_long_fails_and_leaves_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # house: mock a patience of minutes, cut to what a test can wait for
    monkeypatch.setattr(startup, "START_SECONDS", 0.2)
    steps = cluster._start(lambda _: None)
    next(steps)
    timer = held_up(cluster, 0.6)
    with pytest.raises(ServerFailed, match="was not ready after"):
        deque(map(time.sleep, steps), maxlen=0)
    timer.join()
    assert cluster.pid is None
    assert not processes(cluster)


def test_a_second_copy_is_told_who_runs_the_first(home: Path, cluster: Cluster) -> None:
    cluster.start()
    second = Cluster(home, "keys", memory="keys")
    with pytest.raises(
        AlreadyRunning, match=f"Process {os.getpid()} already runs the database in .*another home"
    ):
        second.start()
    assert second.serving, "a command may join the running one"
    assert ask(second, "SELECT 1") == 1
    second.stop()
    assert ask(cluster, "SELECT 1") == 1, "the copy that was refused has touched nothing"


def test_a_lock_that_is_just_being_let_go_is_waited_for(home: Path, cluster: Cluster) -> None:
    """As by a child that was forked in the instant its parent was killed: the process the lock names is gone."""
    cluster.start()
    cluster.stop()
    path = home / "keys" / "lock"
    path.write_text(f"{2**22 + 1}\n")  # no such process can be
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        timer = threading.Timer(0.3, fcntl.flock, (file, fcntl.LOCK_UN))
        timer.start()
        cluster.start()
        timer.join()
    assert ask(cluster, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_a_living_process_is_no_obstacle(cluster: Cluster) -> None:
    """In a container the ids begin anew, so the old postmaster's id may be another process of the same account."""
    cluster.start()
    account = cluster.place.account
    cluster.kill()
    assert soon(lambda: not processes(cluster), 5)
    with subprocess.Popen(["sleep", "60"], cwd="/", **account.identity()) as stranger:
        pid_file = cluster.place.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        cluster.start()
        assert ask(cluster, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


async def test_watch_brings_a_dead_server_back(cluster: Cluster) -> None:
    cluster.start()
    first = cluster.pid
    assert first is not None
    back: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    watching = asyncio.create_task(cluster.watch(back.set_result))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    assert "signal 9" in await asyncio.wait_for(back, 10)
    assert cluster.pid not in (None, first)
    assert ask(cluster, "SELECT 1") == 1
    cluster.stop()
    await asyncio.wait_for(watching, 5)


async def test_watch_ends_quietly_with_a_stop(cluster: Cluster) -> None:
    cluster.start()
    watching = asyncio.create_task(cluster.watch(pytest.fail))
    await asyncio.sleep(0.05)
    cluster.stop()
    await asyncio.wait_for(watching, 5)


def test_only_the_main_thread_may_start_it(cluster: Cluster) -> None:
    caught: list[BaseException] = []

    def start() -> None:
        try:
            cluster.start()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])
    cluster.start()  # and the failed attempt has left neither lock nor half-made data behind
    assert ask(cluster, "SELECT 1") == 1


def test_what_the_server_complains_of_is_in_the_message(home: Path) -> None:
    broken = Cluster(home, "keys", memory="keys", settings={"shared_buffers": "many"})
    with pytest.raises(
        ServerFailed, match=r'ended with code 1.*invalid value for parameter "shared_buffers"'
    ):
        broken.start()
    with Cluster(home, "keys", memory="keys") as cluster:
        assert ask(cluster, "SELECT 1") == 1


def test_an_interrupted_set_up_is_done_again(empty_home: Path) -> None:
    cluster = Cluster(empty_home, "keys", memory="keys")
    steps = cluster._start(lambda _: None)
    next(steps)
    del steps  # as Ctrl-C during initdb
    folder = empty_home / "keys"
    assert list(folder.glob("data.new*"))
    assert not (folder / "data").exists()
    with cluster:
        assert ask(cluster, "SELECT 1") == 1
    assert not list(folder.glob("data.new*"))
    assert not (folder / ".password").exists()
