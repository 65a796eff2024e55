"""What the process says about itself: one JSON object per line, with declared fields only; plain words at a terminal.

A field that is not in the data map does not leave the process, and neither does a secret, an e-mail address or a phone
number, wherever it turns up. A test plants canaries and looks for them (Policy §3, credentials; design rule on logs).
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from callmissed.foundation import clock
from callmissed.foundation.datamap import Holds, Keep, Whose, declare_store, metadata_of, nothing, pseudonym
from callmissed.foundation.problems import Problem

FIELDS: dict[str, Holds] = {
    "at": nothing("when it was said"),
    "level": nothing("how serious it is"),
    "logger": nothing("which module said it"),
    "message": nothing("what happened, in words of the code"),
    "error": nothing("the class of a failure"),
    "reason": nothing("the words of a failure, scrubbed; left out where they quote rows"),
    "trace": nothing("files, lines and functions of a failure, without values"),
    "request_id": nothing("the number of a request"),
    "method": nothing("the HTTP method"),
    "route": nothing("the pattern of the route, without ids"),
    "status": nothing("the HTTP status"),
    "duration_ms": nothing("how long it took"),
    "job": nothing("the name of a job"),
    "tenant_id": pseudonym(Whose.USER, "the tenant concerned"),
    "actor_id": pseudonym(Whose.USER, "the user or key concerned"),
    "upstream": nothing("the model supplier concerned"),
    "model": metadata_of(Whose.USER, "the model concerned"),
}
"""Everything a log line may carry. Give them as `extra={"route": …}`."""

declare_store(
    "application log",
    "log",
    FIELDS,
    Keep(until="180 days, the host rotates it", promise="keep.security-logs"),
)

SECRET = re.compile(r"\b(?:cm_[0-9A-Za-z]{12,}|cmt_[0-9A-Za-z_-]{12,}(?:\.[0-9A-Za-z_-]+)?)")
EMAIL = re.compile(r"[^\s@<>\"'(),:;=\[\]{}]+@[^\s@<>\"'(),:;=\[\]{}]+\.[^\s@<>\"'(),:;=\[\]{}.]{2,}")
PHONE = re.compile(r"(?<![\w+.-])(?:\+\d{1,3}[ -]?)?(?:\(\d{2,4}\)[ -]?)?[6-9]\d{4}[ -]?\d{5}(?![\w-])")
ABROAD = re.compile(r"(?<![\w.-])\+\d{1,3}(?:[ -]?\d){7,12}(?![\w-])")

QUOTES_ROWS = ("psycopg", "sqlalchemy", "pydantic", "fastapi", "asyncpg", "msgspec")
"""Packages whose errors quote what was stored or sent: of theirs, only class and place are told."""


def scrub(text: str) -> str:
    """The text without secrets, e-mail addresses and phone numbers."""
    for pattern, word in ((SECRET, "[secret]"), (EMAIL, "[e-mail]"), (PHONE, "[phone]"), (ABROAD, "[phone]")):
        text = pattern.sub(word, text)
    return text


def failure(error: BaseException) -> dict[str, Any]:
    """A failure in declared fields: its class, its place, and its words where they cannot quote a row."""
    frames = [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    ]
    told: dict[str, Any] = {"error": type(error).__qualname__, "trace": frames[-12:]}
    if isinstance(error, Problem) or not type(error).__module__.startswith(QUOTES_ROWS):
        told["reason"] = scrub(str(error))[:500]
    return told


class DeclaredFields(logging.Formatter):
    """Writes a record as one JSON object: the declared fields, each scrubbed; whatever else it carries is dropped."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        given = {
            name: value for name, value in record.__dict__.items() if name in FIELDS and name not in line
        }
        if record.exc_info and record.exc_info[1] is not None:
            given |= failure(record.exc_info[1])
        line |= {name: _plain(value) for name, value in given.items()}
        return json.dumps(line, ensure_ascii=False)


class PlainWords(logging.Formatter):
    """Writes a record for a person at a terminal: when, how serious, what; of a failure its class, words and place."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or two when something failed."""
        at = datetime.fromtimestamp(record.created, clock.IST)
        line = f"{at:%H:%M:%S} {record.levelname.lower()}: {scrub(record.getMessage())}"
        if record.exc_info and record.exc_info[1] is not None:
            told = failure(record.exc_info[1])
            place = scrub(told["trace"][-1]) if told["trace"] else "nowhere"
            line += f"\n         {told['error']}: {told.get('reason', 'see the log')}, in {place}"
        return line


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        parts: list[object] = value  # pyright: ignore[reportUnknownVariableType] - the items of a list are objects
        return [_plain(part) for part in parts]
    return scrub(str(value))


def configure(level: str | None = None, stream: TextIO | None = None) -> None:
    """Have this process log to `stream` (standard error by default), libraries included.

    JSON from INFO upwards; at a terminal plain words from WARNING upwards, because progress is told there anyway.
    """
    errors: TextIO = stream or sys.stderr
    watched = errors.isatty()
    level = level or ("WARNING" if watched else "INFO")
    out = logging.StreamHandler(errors)
    out.setFormatter(PlainWords() if watched else DeclaredFields())
    logging.basicConfig(level=level, handlers=[out], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # One line per job says nothing an operator needs; failures are warnings and errors.
    logging.getLogger("procrastinate").setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    # Its lines carry addresses and query strings; the edge writes its own, with the route.
    logging.getLogger("uvicorn.access").disabled = True
