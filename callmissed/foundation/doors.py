"""Closed doors: a tenant that was closed is entered by nobody, whatever way they come.

Every transaction of a tenant asks `cm.admit` in the round trip that sets its tenant; a closed one is refused by the database
itself, on every node, from the commit that closed it. What lasts longer than a transaction (a stream, a key in memory) is
bound to the tenant's id and ends with the live news.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped

from callmissed.foundation import clock, live
from callmissed.foundation.database import Tx
from callmissed.foundation.datamap import Keep, Row, column, nothing

ADMIT = """
CREATE OR REPLACE FUNCTION cm.admit(tenant uuid) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF EXISTS (SELECT FROM public.closed_tenant c WHERE c.tenant_id = tenant) THEN
    RAISE EXCEPTION 'this tenant is closed' USING ERRCODE = 'CM403';
  END IF;
END $$
"""
"""Asked by every transaction of a tenant. The code of its error is the one that `Database.tenant` knows."""

ERASE_ROWS = """
CREATE OR REPLACE FUNCTION cm.erase_rows(relation regclass, tenant uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE removed bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM public.closed_tenant c WHERE c.tenant_id = tenant AND c.erasing_at IS NOT NULL) THEN
    RAISE EXCEPTION 'this tenant is not being erased' USING ERRCODE = 'insufficient_privilege';
  END IF;
  EXECUTE format('DELETE FROM %s WHERE tenant_id = %L', relation, tenant);
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$
"""
"""Removes a tenant's rows from a log that no role may change otherwise; its owner sees them only while the tenant is erased."""


class ClosedTenant(Row):
    """A tenant whose doors are closed. Opened again, the row goes; erased, it stays, and nobody ever enters again."""

    __tablename__ = "closed_tenant"
    __keep__ = Keep(until="the tenant is opened again", promise="keep.deleted-account")
    __sql__ = (
        ADMIT,
        ERASE_ROWS,
        "REVOKE ALL ON FUNCTION cm.erase_rows(regclass, uuid) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION cm.erase_rows(regclass, uuid) TO cm_app, cm_worker",
    )

    tenant_id: Mapped[UUID] = column(nothing("the tenant"), primary_key=True)
    closed_at: Mapped[datetime] = column(nothing("since when"), default=clock.now)
    erasing_at: Mapped[datetime | None] = column(nothing("since when it is being erased"))


async def close(tx: Tx, tenant_id: UUID) -> None:
    """Close a tenant from the commit on, and end what is open there. Repeating it changes nothing."""
    row = {"tenant_id": tenant_id, "closed_at": clock.now()}
    await tx.session.execute(insert(ClosedTenant).values(row).on_conflict_do_nothing())
    await live.end(tx, tenant_id)


async def open_again(tx: Tx, tenant_id: UUID) -> None:
    """Let everybody in again, unless its erasure has begun."""
    query = delete(ClosedTenant).where(ClosedTenant.tenant_id == tenant_id, ClosedTenant.erasing_at.is_(None))
    await tx.session.execute(query)


async def begin_erasing(tx: Tx, tenant_id: UUID) -> None:
    """From here on its rows may be removed, and it cannot be opened again."""
    query = update(ClosedTenant).where(ClosedTenant.tenant_id == tenant_id, ClosedTenant.erasing_at.is_(None))
    await tx.session.execute(query.values(erasing_at=clock.now()))


async def is_closed(tx: Tx, tenant_id: UUID) -> bool:
    """Whether a tenant's doors are closed."""
    query = select(exists().where(ClosedTenant.tenant_id == tenant_id))
    return bool(await tx.session.scalar(query))


async def erase_log(tx: Tx, table: str, tenant_id: UUID) -> int:
    """Remove a tenant's rows from an append-only table; how many there were."""
    query = text("SELECT cm.erase_rows(to_regclass(:name), :tenant)")
    return int(await tx.session.scalar(query, {"name": table, "tenant": tenant_id}) or 0)
