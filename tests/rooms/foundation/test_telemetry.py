"""Nothing personal and no secret leaves through a log line, wherever it was planted."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from callmissed.foundation import datamap
from callmissed.foundation.problems import NotFound
from callmissed.foundation.telemetry import FIELDS, DeclaredFields, PlainWords, configure, scrub

KEY = "cm_" + "A1b2" * 9 + "zz"
CANARIES = ["asha.canary@namuna.example", "+91 98765 43210", "9876543210", "+44 20 7946 0958", KEY]


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger of its own that writes into memory."""
    stream = io.StringIO()
    out = logging.StreamHandler(stream)
    out.setFormatter(DeclaredFields())
    logger = logging.Logger("test", logging.DEBUG)  # noqa: LOG001 - stands outside the tree on purpose
    logger.addHandler(out)
    yield logger, stream
    out.close()


@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_never_leaves(log, canary: str) -> None:
    logger, stream = log
    logger.info("said %s", canary)
    logger.info("declared", extra={"route": f"/x/{canary}", "tenant_id": canary, "trace": [canary]})
    logger.info("undeclared", extra={"visitor_name": canary, "body": {"text": canary}})
    try:
        raise ValueError(f"could not use {canary}")
    except ValueError:
        logger.exception("it failed with %s", canary)
    said = stream.getvalue()
    assert canary not in said
    assert len(said.splitlines()) == 4


def test_undeclared_fields_are_dropped(log) -> None:
    logger, stream = log
    logger.info("hello", extra={"status": 200, "visitor_name": "Asha"})
    line = json.loads(stream.getvalue())
    assert line["status"] == 200
    assert set(line) <= set(FIELDS)


def test_errors_that_quote_rows_keep_their_words_to_themselves(log) -> None:
    class RowError(Exception):
        pass

    RowError.__module__ = "psycopg.errors"
    logger, stream = log
    try:
        raise RowError("Key (name)=(Asha Namuna) already exists")
    except RowError:
        logger.exception("failed")
    line = json.loads(stream.getvalue())
    assert "Asha" not in stream.getvalue()
    assert line["error"].endswith("RowError")
    assert line["trace"]


def test_what_is_no_secret_stays_readable() -> None:
    for text in (
        "role cm_app may not do that",
        "request 019ab2c3-1234-7abc-8def-0123456789ab took 12 ms",
        "at 2026-11-24 02:30:21",
        "wallet 18462350000",
    ):
        assert scrub(text) == text


def test_a_problem_says_its_sentence(log) -> None:
    logger, stream = log
    try:
        raise NotFound
    except NotFound:
        logger.exception("refused")
    assert json.loads(stream.getvalue())["reason"] == NotFound.default_message()


def test_the_fields_stand_in_the_data_map() -> None:
    entry = next(store for store in datamap.stores() if store.name == "application log")
    assert entry.fields == FIELDS


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "form"), [(Terminal(), PlainWords), (io.StringIO(), DeclaredFields)])
def test_a_person_is_told_in_plain_words_and_a_machine_in_json(stream: io.StringIO, form: type) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure(stream=stream)
        logging.getLogger("alembic.test").info("Will assume transactional DDL.")
        try:
            raise OSError(f"no mail for {CANARIES[0]}")
        except OSError:
            logging.getLogger("callmissed.test").exception("it failed")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    said = stream.getvalue()
    assert CANARIES[0] not in said
    if form is PlainWords:
        assert re.match(
            r"\d\d:\d\d:\d\d error: it failed\n +OSError: no mail for \[e-mail\], in /.*:\d+ test_", said
        )
        assert "transactional" not in said
    else:
        assert [json.loads(line)["level"] for line in said.splitlines()] == ["INFO", "ERROR"]
