"""The engine of promises: each is a function with its clause, its sentence, and a check of live data.

A check gets a `Look` (a read-only view of the live installation) and returns a `Finding`: kept, broken or cannot tell, with
figures. Each has a saboteur in tests/rooms/privacy that breaks it on purpose and sees the verdict turn.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

Verdict = Literal["kept", "broken", "unknown"]
Figures = dict[str, int | float | str]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in the order the evidence is shown: looked at, found, and what it means."""

    verdict: Verdict
    headline: str
    figures: Figures = field(default_factory=dict[str, "int | float | str"])
    looked_at: str = ""
    query: str | None = None
    found: Rows = field(default_factory=list[dict[str, Any]])
    explanation: str = ""

    def with_evidence(self, looked_at: str, query: str | None = None, found: Rows | None = None) -> "Finding":
        """The same finding with what was looked at, the query in full, and the rows it returned."""
        return replace(self, looked_at=looked_at, query=query, found=found or [])


def kept(headline: str, **figures: int | float | str) -> Finding:
    """It is true now. `headline` is one short line with the figure that says so."""
    return Finding("kept", headline, dict(figures))


def broken(headline: str, explanation: str, **figures: int | float | str) -> Finding:
    """It is not true now. `explanation` says what is wrong, who is affected and what happens next."""
    return Finding("broken", headline, dict(figures), explanation=explanation)


def unknown(reason: str) -> Finding:
    """Nobody can tell now, and why: which source is silent."""
    return Finding("unknown", reason, explanation=reason)


Probe = Callable[[], Awaitable[Any]]
"""A question only another room can answer, registered under a name in the wiring."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a check may see: the database as the verifier role, facts about the operator, and other rooms' probes."""

    connection: AsyncConnection
    facts: Mapping[str, Any]
    probes: Mapping[str, Probe]

    async def rows(self, query: str, **values: Any) -> Rows:
        """Run a reading query; each row as a dict."""
        return [dict(row) for row in (await self.connection.execute(text(query), values)).mappings()]

    async def one(self, query: str, **values: Any) -> Any:
        """The first column of the first row, or None."""
        return (await self.connection.execute(text(query), values)).scalar()

    async def ask(self, probe: str) -> Any:
        """Ask another room. Raises Silent when nobody in this process can answer."""
        if probe not in self.probes:
            raise Silent(probe)
        return await self.probes[probe]()


class Silent(Exception):
    """A source that a check needs gives no answer."""


Check = Callable[[Look], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: its id, the section of the published policy, its sentence in our own words, and its check.

    `sentence` is the English source; the page shows its translation. A promise without a check yet says so.
    """

    id: str
    section: int
    sentence: str
    check: Check | None = None


_promises: dict[str, Promise] = {}


def promise(name: str, section: int, sentence: str) -> Callable[[Check], Check]:
    """Declare a promise with its check: `async def check(look) -> Finding`."""

    def enter(check: Check) -> Check:
        _enter(Promise(name, section, sentence, check))
        return check

    return enter


def not_yet(name: str, section: int, sentence: str) -> None:
    """Declare a promise that nothing checks yet. It is shown as *cannot tell*, with that reason."""
    _enter(Promise(name, section, sentence))


def _enter(made: Promise) -> None:
    known = _promises.get(made.id)
    if known is not None and known.sentence != made.sentence:
        reason = f"promise {made.id} is declared twice"
        raise ValueError(reason)
    _promises[made.id] = made


def promises() -> tuple[Promise, ...]:
    """All promises, by section of the policy, in the order they were declared there."""
    return tuple(sorted(_promises.values(), key=lambda each: each.section))


NOT_CHECKED = "Not yet checked: no program looks at this so far."


async def examine(made: Promise, look: Look) -> Finding:
    """Run one check. A source that fails makes the verdict *cannot tell*; it never passes as kept."""
    if made.check is None:
        return unknown(NOT_CHECKED)
    try:
        async with look.connection.begin_nested():
            return await made.check(look)
    except Silent as silent:
        return unknown(f"The source {silent} does not answer in this process.")
    except DBAPIError as failure:
        return unknown(f"The database refused the question ({type(failure.orig).__name__}).")
