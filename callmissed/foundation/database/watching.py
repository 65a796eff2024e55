"""Watching a transaction: which rows of a tenant it has read. For readers who are answerable for each row."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState

from callmissed.foundation import datamap

_word = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Seen:
    """One row that was read; without an id, something of the table: totals, or rows counted by a statement.

    `is_person` says that the row's id is a person's own.
    """

    table: str
    row_id: UUID | None = None
    is_person: bool = False


@dataclass(slots=True)
class Watch:
    """Notes every row of a tenant that a session loads, and every tenant table that a plain statement names."""

    _seen: dict[Seen, None] = field(default_factory=dict[Seen, None])

    def over(self, session: AsyncSession) -> None:
        """Watch this session from now on."""
        event.listen(session.sync_session, "loaded_as_persistent", self._loaded)
        event.listen(session.sync_session, "do_orm_execute", self._asked)

    def add(self, table: str, row_ids: Iterable[UUID]) -> None:
        """Note rows that came out of a plain statement."""
        for row_id in row_ids:
            self._seen[Seen(table, row_id, table in _persons())] = None

    def seen(self) -> list[Seen]:
        """What was read, each once, in order; a table without rows only where no row of it is known."""
        rows = {each.table for each in self._seen if each.row_id}
        return [each for each in self._seen if each.row_id or each.table not in rows]

    def _loaded(self, _: Any, row: Any) -> None:
        if datamap.is_tenant_table(row.__table__):
            self.add(row.__table__.name, [row.id])

    def _asked(self, state: ORMExecuteState) -> None:
        said = state.statement
        words = set(_word.findall(said.text if isinstance(said, TextClause) else str(said)))
        for name in sorted(words & _tenants()):
            self._seen[Seen(name)] = None


def _tenants() -> set[str]:
    return {table.name for table in datamap.tables() if datamap.is_tenant_table(table)}


def _persons() -> set[str]:
    """Tables in which a row's id is the id of a person."""
    return {entry.table for entry in datamap.entries() if entry.holds.person == "id"}
