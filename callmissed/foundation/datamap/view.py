"""Reading the data map: every table, every column, as the notice, the checks and the erasure plan see them."""

from dataclasses import dataclass

from sqlalchemy import Table

from callmissed.foundation.datamap.declare import Holds, Keep
from callmissed.foundation.datamap.rows import Row, Sealed, TenantLog, TenantTable


@dataclass(frozen=True, slots=True)
class Entry:
    """One column of the live map."""

    table: str
    column: str
    holds: Holds
    sealed: bool
    keep: Keep
    tenant: bool


def tables() -> tuple[Table, ...]:
    """Every mapped table, in an order in which references point backwards."""
    return tuple(table for table in Row.metadata.sorted_tables if "row" in table.info)


def is_tenant_table(table: Table) -> bool:
    """Whether rows of this table belong to one tenant each."""
    return issubclass(table.info["row"], (TenantTable, TenantLog))


OUTLIVING = frozenset({"keep.payments", "keep.audit"})
"""Promises whose tables outlive their tenant: books of account, which tax law demands, and the audit log. Neither names people."""


def outlives_tenant(table: Table) -> bool:
    """Whether rows of a tenant's table stay when the tenant is erased."""
    return is_tenant_table(table) and table.info["row"].__keep__.promise in OUTLIVING


def erasable_tables() -> tuple[Table, ...]:
    """Every table whose rows go with their tenant, in an order in which what refers to others goes first."""
    return tuple(
        table for table in reversed(tables()) if is_tenant_table(table) and not outlives_tenant(table)
    )


def entries() -> tuple[Entry, ...]:
    """Every column of every mapped table."""
    return tuple(
        Entry(
            table.name,
            column.name,
            column.info["holds"],
            isinstance(column.type, Sealed),
            table.info["row"].__keep__,
            is_tenant_table(table),
        )
        for table in tables()
        for column in table.columns
    )
