"""The classes tables are made from. They refuse to load when a column or the table keeps silent about itself."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, MetaData, Table, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column

from callmissed.foundation import clock
from callmissed.foundation.datamap.declare import Holds, Keep, nothing
from callmissed.foundation.ids import uuid7

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class NotDeclared(TypeError):
    """A table or column does not say what it holds or how long it lives. The message names it and the cure."""


class Sealed(LargeBinary):
    """The type of a column that holds a blob sealed by the vault: version, key id, nonce, ciphertext, tag."""

    inherit_cache = True


def column(holds: Holds, *args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """A mapped column with its entry in the data map. Arguments after `holds` are those of `mapped_column`."""
    return mapped_column(*args, info={"holds": holds}, **kwargs)


class Row(DeclarativeBase):
    """The base of every table. Attributes of the class, besides its columns:

    `__keep__`: how long rows live. `__append_only__`: application roles may insert and select only.
    `__partition__`: the name of the timestamp column by which the table is partitioned by month.
    `__batched__`: functions with their owner's rights work on rows of the tenants that a batch names (`cm.tenants`).
    `__sql__`: statements run after the table is created (generated columns, triggers).
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True), UUID: Uuid()}
    __keep__: ClassVar[Keep]
    __append_only__: ClassVar[bool] = False
    __partition__: ClassVar[str | None] = None
    __batched__: ClassVar[bool] = False
    __sql__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Map the class, then check its declarations. Raises NotDeclared."""
        partition = cls.__dict__.get("__partition__", cls.__partition__)
        if partition and "__tablename__" in cls.__dict__:
            cls.__table_args__ = _partitioned(cls.__dict__.get("__table_args__", ()), partition)
        super().__init_subclass__(**kwargs)
        table: Any = cls.__dict__.get("__table__")
        if table is not None:
            try:
                check(cls, table)
            except NotDeclared:
                Row.metadata.remove(table)
                raise


def _partitioned(arguments: Any, by: str) -> tuple[Any, ...]:
    """Add PARTITION BY RANGE to a table's arguments."""
    listed: list[Any] = list(arguments if isinstance(arguments, tuple) else (arguments,))  # pyright: ignore[reportUnknownArgumentType] SQLAlchemy leaves the shape of __table_args__ open
    options: dict[str, Any] = listed.pop() if listed and isinstance(listed[-1], dict) else {}
    return (*listed, {**options, "postgresql_partition_by": f"RANGE ({by})"})


def check(cls: type[Row], table: Table) -> None:
    """Refuse a table that is silent about itself. Raises NotDeclared, naming table, column and cure."""
    if not isinstance(getattr(cls, "__keep__", None), Keep):
        reason = f"table {table.name} does not say how long its rows live: set __keep__ = Keep(...)"
        raise NotDeclared(reason)
    if not (cls.__doc__ or "").strip():
        reason = f"table {table.name} has no docstring saying what a row is"
        raise NotDeclared(reason)
    anchor = cls.__keep__.anchor
    if anchor is not None and anchor not in table.columns:
        reason = f"table {table.name} counts its days from {anchor}, which is no column of it"
        raise NotDeclared(reason)
    for each in table.columns:
        _check_column(table, each.name, each.info.get("holds"), each.type)
    table.info["row"] = cls


def _check_column(table: Table, name: str, holds: Any, kind: Any) -> None:
    where = f"column {table.name}.{name}"
    if not isinstance(holds, Holds):
        reason = f"{where} does not say what it holds: declare it with column(holds, ...)"
        raise NotDeclared(reason)
    if holds.is_personal and not holds.purposes:
        reason = f"{where} holds personal data without a purpose"
        raise NotDeclared(reason)
    if holds.must_be_sealed and not isinstance(kind, Sealed):
        reason = f"{where} holds readable personal data ({holds.category}) and is not of type Sealed"
        raise NotDeclared(reason)
    if isinstance(kind, Sealed) and (holds.person is None or holds.person not in table.columns):
        reason = f"{where} is sealed, but person={holds.person!r} names no column of the table"
        raise NotDeclared(reason)


class TenantTable(Row):
    """A table whose rows belong to one tenant. Its key, and every index and reference, starts with tenant_id."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = column(
        nothing("the tenant the row belongs to"), primary_key=True, sort_order=-9
    )
    id: Mapped[UUID] = column(nothing("the row's own id"), primary_key=True, default=uuid7, sort_order=-8)
    created_at: Mapped[datetime] = column(nothing("when the row was made"), default=clock.now, sort_order=90)


class TenantLog(Row):
    """An append-only tenant table partitioned by month on `at`: usage, ledger, and other records of what happened."""

    __abstract__ = True
    __partition__ = "at"
    __append_only__ = True

    tenant_id: Mapped[UUID] = column(
        nothing("the tenant the row belongs to"), primary_key=True, sort_order=-9
    )
    at: Mapped[datetime] = column(
        nothing("when it happened"), primary_key=True, default=clock.now, sort_order=-8
    )
    id: Mapped[UUID] = column(nothing("the row's own id"), primary_key=True, default=uuid7, sort_order=-7)


class ControlTable(Row):
    """A table of the installation as a whole, outside any tenant: accounts, sign-in, look-ups."""

    __abstract__ = True

    id: Mapped[UUID] = column(nothing("the row's own id"), primary_key=True, default=uuid7, sort_order=-8)
    created_at: Mapped[datetime] = column(nothing("when the row was made"), default=clock.now, sort_order=90)
