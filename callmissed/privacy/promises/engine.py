"""The engine of promises: each is a function with its clause, its sentence, and a check of live data.

A check gets a `Look` (a read-only view of the live installation) and returns a `Finding`: kept, broken or cannot tell, with
figures. Each has saboteurs in tests/rooms/privacy/saboteurs that break it on purpose and see the verdict turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Executable, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ClauseElement

from callmissed.privacy.facts import Facts

Verdict = Literal["kept", "broken", "unknown"]
Figures = dict[str, int | float | str]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in the order the evidence is shown: looked at, found, and what it means.

    `headline` and `explanation` are English sources for translation; `%(name)s` in them is the figure of that name.
    """

    verdict: Verdict
    headline: str
    figures: Figures = field(default_factory=dict[str, "int | float | str"])
    looked_at: str = ""
    query: str | None = None
    found: Rows = field(default_factory=list[dict[str, Any]])
    explanation: str = ""


def judge(
    holds: bool,
    figures: Mapping[str, int | float | str],
    *,
    kept: str,
    broken: str,
    explanation: str,
    looked_at: str,
    query: Executable | str | None = None,
    found: Iterable[Mapping[str, Any]] = (),
) -> Finding:
    """Kept or broken, with its evidence.

    `kept` and `broken` are the headline for either case: one short line with the figure that decides. `explanation` says
    what is wrong, who is affected and what happens next. `query` is shown to the reader in full.
    """
    return Finding(
        "kept" if holds else "broken",
        kept if holds else broken,
        dict(figures),
        looked_at,
        query if query is None or isinstance(query, str) else written_out(query),
        [dict(row) for row in found],
        "" if holds else explanation,
    )


def unknown(reason: str, figures: Figures | None = None) -> Finding:
    """Nobody can tell now, and why: which source is silent."""
    return Finding("unknown", reason, figures or {}, explanation=reason)


def written_out(query: Executable) -> str:
    """A statement as SQL with its values in place, for a reader."""
    if not isinstance(query, ClauseElement):
        raise TypeError(query)
    return str(query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))


class Silent(Exception):
    """A source that a check needs gives no answer."""


def require(seen: object, source: str) -> None:
    """Raise Silent where a source showed nothing at all: a check that looked at nothing can tell nothing."""
    if not seen:
        raise Silent(f"{source} (nothing to look at)")


Probe = Callable[[], Awaitable[Any]]
"""A question that the database alone does not answer: other rooms, files on disk, pages."""


class Probes:
    """The probes of this process, by name. The wiring registers them, because they know the other rooms."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}

    def register(self, name: str, probe: Probe) -> None:
        """Answer this question by calling `probe`; a later one replaces an earlier one."""
        self._probes[name] = probe

    async def answers(self, names: Iterable[str]) -> dict[str, Any]:
        """The answer to each question; a `Silent` where nobody answers, or where answering failed."""
        found: dict[str, Any] = {}
        for name in sorted(set(names)):
            found[name] = await self._answer(name)
        return found

    async def _answer(self, name: str) -> Any:
        probe = self._probes.get(name)
        if probe is None:
            return Silent(name)
        # gather, so that any failure is an answer: a source that fails is silent, and the others are still asked.
        [answer] = await asyncio.gather(probe(), return_exceptions=True)
        return Silent(f"{name} ({type(answer).__name__})") if isinstance(answer, BaseException) else answer


@dataclass(frozen=True, slots=True)
class Look:
    """What a check may see: the database as the verifier role, facts about the operator, and answers of probes."""

    connection: AsyncConnection
    facts: Facts
    answers: Mapping[str, Any]

    async def rows(self, query: Executable | str, **values: Any) -> Rows:
        """Run a reading query; each row as a dict."""
        statement = text(query) if isinstance(query, str) else query
        return [dict(row) for row in (await self.connection.execute(statement, values)).mappings()]

    async def row(self, query: Executable | str, **values: Any) -> dict[str, Any]:
        """The only row of a reading query."""
        [row] = await self.rows(query, **values)
        return row

    async def one(self, query: Executable | str, **values: Any) -> Any:
        """The first column of the first row, or None."""
        statement = text(query) if isinstance(query, str) else query
        return (await self.connection.execute(statement, values)).scalar()

    def ask(self, probe: str) -> Any:
        """What a probe answered. Raises Silent when nobody in this process could."""
        answer = self.answers.get(probe, Silent(probe))
        if isinstance(answer, Silent):
            raise answer
        return answer


Check = Callable[[Look], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: its id, the section of the published policy, its sentence in our own words, and its check.

    `sentence` is the English source; the page shows its translation. A promise without a check yet says so. `asks` are
    the probes its check needs; `every_minutes` is how often it is checked, more rarely where it reads much.
    """

    id: str
    section: int
    sentence: str
    check: Check | None = None
    asks: tuple[str, ...] = ()
    every_minutes: int = 1

    @property
    def clause(self) -> str:
        """Where the published policy says it: "§5"."""
        return f"§{self.section}"


_promises: dict[str, Promise] = {}


def promise(
    name: str, section: int, sentence: str, *, asks: Sequence[str] = (), every_minutes: int = 1
) -> Callable[[Check], Check]:
    """Declare a promise with its check: `async def check(look) -> Finding`."""

    def enter(check: Check) -> Check:
        _enter(Promise(name, section, sentence, check, tuple(asks), every_minutes))
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


def declared() -> Mapping[str, Promise]:
    """Every declared promise by its id."""
    return _promises


_ = str  # marks sentences for translation; they are spoken when they are shown

NOT_CHECKED = _("Not yet checked: no program looks at this so far.")
SOURCE_SILENT = _("The source %(source)s does not answer.")
REFUSED = _("The check could not be finished (%(failure)s).")


async def examine(made: Promise, look: Look) -> Finding:
    """Run one check. A source that fails makes the verdict *cannot tell*; it never passes as kept."""
    if made.check is None:
        return unknown(NOT_CHECKED)
    # gather, so that a check that fails in any way tells so itself and does not keep the others from speaking.
    [found] = await asyncio.gather(_within_savepoint(made.check, look), return_exceptions=True)
    if isinstance(found, Silent):
        return unknown(SOURCE_SILENT, {"source": str(found)})
    if isinstance(found, BaseException):
        return unknown(REFUSED, {"failure": type(found).__name__})
    return found


async def _within_savepoint(check: Check, look: Look) -> Finding:
    async with look.connection.begin_nested():
        return await check(look)
