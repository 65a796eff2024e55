"""Legal holds as the database knows them: what is frozen is not removed, whatever its days say.

A hold names a workspace, a person, or both; perhaps one table and a span of time. It is in force from its commit through its
last day in India, unless two people of staff have released it. Who may place one and why is the privacy room's business; here
is what everybody who removes something asks first. Whoever asks holds a shared lock until their transaction ends, whoever
changes a hold the exclusive one: nothing is removed by an answer that a new hold has made wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Date, String, select, text
from sqlalchemy.orm import Mapped

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.datamap import Category, ControlTable, Keep, Whose, column, nothing, pseudonym

EVIDENCE = Keep(until="the installation ends", promise="use.lawful-requests")
"""That something was frozen, or handed to an authority, and on whose order, is what shows that it was lawful."""

UNLESS_HELD = """
CREATE OR REPLACE FUNCTION cm.unless_held(relation regclass, anchor name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today date := (now() AT TIME ZONE 'Asia/Kolkata')::date; at name := anchor; in_tenant text := 'false'; ids text;
BEGIN
  IF NOT EXISTS (SELECT FROM public.legal_hold h WHERE h.released_at IS NULL AND h.expires_on >= today) THEN
    RETURN 'true';
  END IF;
  SELECT string_agg(format('r.%I', a.attname), ', ') FILTER (WHERE a.atttypid = 'uuid'::regtype),
         max(CASE WHEN a.attname = 'tenant_id' THEN 'r.tenant_id = h.tenant_id' END),
         max(CASE WHEN a.attname = 'created_at' THEN a.attname END)
    INTO ids, in_tenant, at
    FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
  RETURN format(
    'NOT EXISTS (SELECT FROM public.legal_hold h WHERE h.released_at IS NULL AND h.expires_on >= %L::date'
    ' AND (h.relation IS NULL OR h.relation = %L) AND (h.tenant_id IS NULL OR %s)'
    ' AND (h.person_id IS NULL OR h.person_id IN (%s))'
    ' AND (h.from_at IS NULL OR r.%I >= h.from_at) AND (h.until_at IS NULL OR r.%I < h.until_at))',
    today, (SELECT c.relname FROM pg_class c WHERE c.oid = relation), coalesce(in_tenant, 'false'), coalesce(ids, 'NULL'),
    coalesce(at, anchor), coalesce(at, anchor));
END $$
"""
"""A condition on rows `r` of a table that leaves out what a hold freezes; 'true' after one look where none is in force.

A row is a person's when any of its ids is theirs: ids are random, so no other row has them. A table without tenants has no row
of a workspace. Spans are of when a row was made; where that is not kept, of what its days count from.
"""

LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtext('cm.holds'))")
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('cm.holds'))")


class LegalHold(ControlTable):
    """A freeze that an authority, or our own case in court, asks for: what is in its scope is not removed until it ends."""

    __tablename__ = "legal_hold"
    __keep__ = EVIDENCE
    __table_args__ = (
        CheckConstraint("tenant_id IS NOT NULL OR person_id IS NOT NULL", name="scope"),
        CheckConstraint("authority IN ('court', 'agency', 'litigation')", name="authority"),
        CheckConstraint("length(btrim(ordered_by)) >= 3 AND length(btrim(reference)) >= 3", name="reference"),
        CheckConstraint("reason IN ('evidence', 'investigation', 'dispute', 'tax')", name="reason"),
        CheckConstraint("until_at > from_at", name="span"),
        CheckConstraint(
            "expires_on BETWEEN (renewed_at AT TIME ZONE 'Asia/Kolkata')::date"
            " AND ((renewed_at AT TIME ZONE 'Asia/Kolkata')::date + interval '1 year')::date",
            name="a_year",
        ),
        CheckConstraint(
            "released_at IS NULL AND released_by IS NULL OR released_at IS NOT NULL AND released_by IS NOT NULL"
            " AND release_asked_by IS NOT NULL AND released_by <> release_asked_by",
            name="two_persons",
        ),
    )
    __sql__ = (
        UNLESS_HELD,
        "REVOKE ALL ON FUNCTION cm.unless_held(regclass, name) FROM PUBLIC",
        "REVOKE DELETE ON legal_hold FROM cm_app, cm_worker",
    )

    tenant_id: Mapped[UUID | None] = column(nothing("the workspace it freezes"))
    person_id: Mapped[UUID | None] = column(
        pseudonym(Whose.USER, "the person it freezes: account or contact")
    )
    relation: Mapped[str | None] = column(nothing("the one table it freezes"), String(63))
    from_at: Mapped[datetime | None] = column(nothing("rows made from then on"))
    until_at: Mapped[datetime | None] = column(nothing("rows made before that"))
    authority: Mapped[str] = column(nothing("court, agency or litigation of our own"), String(12))
    ordered_by: Mapped[str] = column(
        nothing("the court, agency or case; no person", Category.BUSINESS_CONTENT), String(120)
    )
    reference: Mapped[str] = column(
        nothing("number of the order or case", Category.BUSINESS_CONTENT), String(80)
    )
    reason: Mapped[str] = column(nothing("evidence, investigation, dispute or tax"), String(16))
    gagged: Mapped[bool] = column(nothing("whether nobody concerned may be told"), Boolean)
    placed_by: Mapped[UUID] = column(pseudonym(Whose.USER, "who of the staff placed it"))
    renewed_at: Mapped[datetime] = column(nothing("when it was placed, or renewed for the last time"))
    expires_on: Mapped[date] = column(nothing("its last day, in India"), Date())
    release_asked_by: Mapped[UUID | None] = column(
        pseudonym(Whose.USER, "who of the staff asked for its release")
    )
    release_asked_at: Mapped[datetime | None] = column(nothing("when"))
    released_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who of the staff agreed: somebody else"))
    released_at: Mapped[datetime | None] = column(nothing("since when it holds nothing"))


@dataclass(frozen=True, slots=True)
class Frozen:
    """What one hold in force freezes: a workspace, a person, or a person in a workspace."""

    tenant_id: UUID | None
    person_id: UUID | None

    def covers(self, tenants: Sequence[UUID], people: Sequence[UUID]) -> bool:
        """Whether it freezes something of these people in these workspaces."""
        return (self.tenant_id is None or self.tenant_id in tenants) and (
            self.person_id is None or self.person_id in people
        )


async def in_force(tx: Tx) -> list[Frozen]:
    """The holds in force; none comes into force before this transaction ends."""
    await tx.session.execute(LOCK_SHARED)
    query = select(LegalHold.tenant_id, LegalHold.person_id).where(
        LegalHold.released_at.is_(None), LegalHold.expires_on >= clock.today()
    )
    return [Frozen(*row) for row in (await tx.session.execute(query)).all()]


async def change(tx: Tx) -> None:
    """Wait for everybody who is removing something; until this transaction ends, they wait for it."""
    await tx.session.execute(LOCK)
