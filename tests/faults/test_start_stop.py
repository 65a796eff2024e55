"""`callmissed up` as a person meets it: the first start, the second, two at once, every way to end it, and what is in its way."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from callmissed.foundation.postgres import ADMIN, DATABASE
from tests.support.installation import free_port
from tests.support.up import READY, Up, temporary_up

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(300)]

LINKS = {"base_url", "api_key", "owner_email", "bot_id", "widget_url", "privacy_url"}
SEEDED = """
SELECT (SELECT count(*) FROM tenant), (SELECT count(*) FROM membership), (SELECT count(*) FROM bot),
  (SELECT count(*) FROM api_key), (SELECT count(*) FROM knowledge_source), (SELECT count(*) FROM ledger_entry WHERE kind = 'grant')
"""
QUESTION = "What are your opening hours?"


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """A demo that has run once and is stopped."""
    with temporary_up() as made:
        made.start()
        made.signal(signal.SIGTERM)
        yield made


@pytest.fixture
def running(up: Up) -> Iterator[Up]:
    """The demo, running again."""
    up.start()
    yield up
    up.clean()


def seeded(up: Up) -> object:
    admin = up.installation().data.dsn(ADMIN, DATABASE).psycopg
    with psycopg.connect(admin) as connection:
        return connection.execute(SEEDED).fetchone()


def talk(up: Up) -> tuple[dict[str, str], list[str]]:
    """Ask the bot as a visitor does, and wait for its answer: the visitor's pass, and what stands in the thread."""
    widget = f"{up.links['base_url']}/widget/{up.links['widget_id']}"
    ticket = {"authorization": f"Bearer {httpx.post(f'{widget}/sessions').json()['token']}"}
    asked = {"text": QUESTION, "client_ref": uuid.uuid4().hex}
    httpx.post(f"{widget}/messages", json=asked, headers=ticket).raise_for_status()
    for _ in range(100):
        said = thread(up, ticket)
        if QUESTION in said and said[-1] != QUESTION:
            return ticket, said
        time.sleep(0.1)
    raise AssertionError("no answer")


def thread(up: Up, ticket: dict[str, str]) -> list[str]:
    """The words of the visitor's own conversation."""
    address = f"{up.links['base_url']}/widget/{up.links['widget_id']}/thread"
    answer = httpx.get(address, headers=ticket).raise_for_status()
    return [each["text"] for each in answer.json()["messages"]]


def refused(up: Up) -> str:
    """Run the command where it must not start: one sentence, status 1, no traceback, nobody left."""
    up.spawn()
    assert up.ended() == 1
    lines = [line for line in up.complained.splitlines() if not line.startswith("{")]
    assert lines[0].startswith("callmissed: ")
    assert [line for line in lines[1:] if not line.startswith("  ")] == [], "only the figures of a Problem"
    assert READY not in up.said
    return lines[0]


def test_the_first_start_tells_what_it_does_and_where_to_look() -> None:
    with temporary_up() as fresh:
        fresh.start()
        assert [line for line in fresh.said.splitlines() if line.startswith("•")] == [
            "• Starting the database",
            "• Setting up a new database",
            "• Starting the key plane",
            "• Setting up a new database",
            "• Bringing the schema up to date",
            "• Starting web server and worker",
            "• Seeding the demo company",
        ]
        links = fresh.links
        assert links.keys() >= LINKS
        assert (fresh.home / "demo.json").stat().st_mode & 0o077 == 0
        for name in ("base_url", "privacy_url", "widget_url"):
            assert httpx.get(links[name]).status_code == 200, name
        for shown in (links["base_url"], links["privacy_url"], links["owner_email"], links["api_key"]):
            assert shown in fresh.said
        assert fresh.signal(signal.SIGTERM) == 0
        assert fresh.said.endswith("• Stopped. Everything is saved.\n")
        assert not fresh.survivors(0)


def test_a_second_start_seeds_nothing_twice(running: Up) -> None:
    links, once = running.links, seeded(running)
    running.signal(signal.SIGTERM)
    running.start()
    assert running.links == links
    assert seeded(running) == once
    headers = {"authorization": f"Bearer {links['api_key']}"}
    assert httpx.get(f"{links['base_url']}/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize(("number", "group"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_asked_to_stop_it_leaves_nobody_behind(running: Up, number: signal.Signals, group: bool) -> None:
    assert running.signal(number, group=group) == 0
    assert not running.survivors(0), "they had ended before it did"
    assert "Stopped. Everything is saved." in running.said
    assert "Traceback" not in running.complained


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_while_it_starts_it_leaves_nobody_behind(up: Up, number: signal.Signals) -> None:
    up.spawn()
    while "key plane" not in up.said:
        time.sleep(0.01)
    assert up.signal(number) in {0, 130}
    assert not up.survivors(5)
    assert "Traceback" not in up.complained


@pytest.mark.parametrize("everything", [False, True], ids=["the command", "everything at once"])
def test_killed_it_leaves_nobody_behind_and_loses_nothing(running: Up, everything: bool) -> None:
    ticket, said = talk(running)
    family = running.family()
    assert sum(each.name() == "postgres" for each in family) > 10, (
        "the servers of both planes and their children"
    )
    running.kill(everything=everything)
    assert not running.survivors()
    running.start()
    assert thread(running, ticket) == said


def test_a_second_copy_is_told_and_does_not_disturb(running: Up) -> None:
    ticket, said = talk(running)
    for port in (running.port, free_port()):
        said_to_it = refused(Up(running.home, port))
        assert f"already runs over {running.home}, as process {running.pid}." in said_to_it
    assert thread(running, ticket) == said
    assert talk(running)[1][-1]


def test_a_taken_port_is_told_before_anything_is_touched() -> None:
    with temporary_up() as fresh, socket.create_server(("127.0.0.1", fresh.port)):
        assert "Another program already listens" in refused(fresh)
        assert f"127.0.0.1:{fresh.port}" in fresh.complained
        assert not fresh.home.exists()


def test_a_full_disk_is_told_and_costs_no_data() -> None:
    with temporary_up() as small:
        small.home.mkdir()
        mounting = ["mount", "-t", "tmpfs", "-o", "size=600m,mode=755", "none", str(small.home)]
        if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
            pytest.skip("needs the right to mount a small disk")
        try:
            small.start()
            ticket, said = talk(small)
            small.signal(signal.SIGTERM)
            filler = small.home / "filler"
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small.home).free)
            assert "Free some space" in refused(small)
            filler.unlink()
            small.start()
            assert thread(small, ticket) == said
        finally:
            small.clean()
            subprocess.run(["umount", "--lazy", str(small.home)], check=True)


def test_a_folder_that_is_none_or_cannot_be_written_to_is_told() -> None:
    with temporary_up() as nowhere:
        nowhere.home.write_text("a file")
        assert "cannot be written to" in refused(nowhere)
        nowhere.home.unlink()
        nowhere.home.mkdir()
        mounting = ["mount", "-t", "tmpfs", "-o", "ro", "none", str(nowhere.home)]
        if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
            pytest.skip("needs the right to mount a disk")
        try:
            assert "cannot be written to: Read-only file system. Choose another" in refused(nowhere)
        finally:
            subprocess.run(["umount", "--lazy", str(nowhere.home)], check=True)


@pytest.mark.parametrize(
    ("variable", "url", "told"),
    [
        ("DATABASE_URL", "mysql://somebody:sesame@127.0.0.1/x", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql://somebody:sesame@127.0.0.1:1/x", "DATABASE_URL leads to no database"),
        (
            "KEYS_DATABASE_URL",
            "postgresql://somebody:sesame@127.0.0.1:1/x",
            "KEYS_DATABASE_URL leads to no database",
        ),
    ],
)
def test_a_wrong_database_is_told_without_its_password(variable: str, url: str, told: str) -> None:
    with temporary_up(**{variable: url}) as fresh:
        assert told in refused(fresh)
        assert "sesame" not in fresh.complained
        assert not fresh.survivors()


def test_a_wrong_setting_is_told() -> None:
    with temporary_up(CALLMISSED_PRODUCTION="perhaps") as fresh:
        assert "the setting CALLMISSED_PRODUCTION is wrong" in refused(fresh)


def test_at_a_terminal_it_speaks_plain_words(up: Up) -> None:
    ours, theirs = pty.openpty()
    up.spawn(terminal=theirs)
    os.close(theirs)
    shown = ""
    while READY not in shown:
        shown += os.read(ours, 4096).decode()
    up.signal(signal.SIGINT, group=True)
    shown += os.read(ours, 4096).decode()
    os.close(ours)
    assert '{"at"' not in shown
    assert "alembic" not in shown and "uvicorn" not in shown
    assert "Stopped. Everything is saved." in shown
