"""Tables of the sealed store: what law makes us keep after an erasure, and to whom any of it was handed out.

The application may add a record and see that it is there. It can neither read, change nor remove one: what is inside goes out
by the owner's function, for a release that two people have agreed to, and records go by another on their day.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, LargeBinary, String, Text, Uuid
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    Whose,
    column,
    nothing,
    personal,
    pseudonym,
)
from callmissed.foundation.holds import EVIDENCE

SEEN = "id, kind, data_class, law, citation, commitment, salt, sealed_at, destroy_on, created_at"

UNREAD = "sealed_record.blob"
"""The one column that no role of the application reads, the verifier neither. That it holds blobs is a constraint of the table."""

READ_SEALED = """
CREATE OR REPLACE FUNCTION cm.read_sealed(release uuid) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE found bytea;
BEGIN
  SELECT s.blob INTO found FROM public.sealed_release r JOIN public.sealed_record s ON s.id = r.record_id
  WHERE r.id = release AND r.approved_by IS NOT NULL AND r.approved_by <> r.asked_by AND r.approved_at IS NOT NULL
    AND s.destroy_on > (now() AT TIME ZONE 'Asia/Kolkata')::date;
  IF found IS NULL THEN
    RAISE EXCEPTION 'two people have not agreed to this release' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN found;
END $$
"""

DESTROY_SEALED = """
CREATE OR REPLACE FUNCTION cm.destroy_sealed(records uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE removed bigint;
BEGIN
  DELETE FROM public.sealed_record s
  WHERE s.id = ANY (records) AND s.destroy_on <= (now() AT TIME ZONE 'Asia/Kolkata')::date;
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$
"""

AGREED = """
CREATE OR REPLACE FUNCTION cm.refuse_agreed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.approved_at IS NOT NULL OR (NEW.id, NEW.record_id, NEW.asked_by, NEW.reference, NEW.ordered_by)
      IS DISTINCT FROM (OLD.id, OLD.record_id, OLD.asked_by, OLD.reference, OLD.ordered_by) THEN
    RAISE EXCEPTION 'what was asked, and what was agreed to, stands' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$
"""


UNCHANGED = """
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON sealed_record FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change()
"""


class SealedRecord(ControlTable):
    """What law makes us keep of something that was erased: encrypted for two custodians, and around that under a key of its own."""

    __tablename__ = "sealed_record"
    __keep__ = Keep(until="the day on which no law asks for it any more", promise="use.lawful-requests")
    __append_only__ = True
    __table_args__ = (
        Index("ix_sealed_record_destroy_on", "destroy_on"),
        CheckConstraint("length(blob) > 45 AND get_byte(blob, 0) = 1", name="sealed"),
    )
    __sql__ = (
        "REVOKE SELECT ON sealed_record FROM cm_app, cm_worker, cm_verifier",
        f"GRANT SELECT ({SEEN}) ON sealed_record TO cm_app, cm_worker, cm_verifier",
        UNCHANGED,
        DESTROY_SEALED,
        "REVOKE ALL ON FUNCTION cm.destroy_sealed(uuid[]) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION cm.destroy_sealed(uuid[]) TO cm_app, cm_worker",
    )

    kind: Mapped[str] = column(nothing("tenant or account"), String(8))
    data_class: Mapped[str] = column(nothing("what the law calls it"), String(24))
    law: Mapped[str] = column(
        nothing("ids of the rows of law, in the order in which they let go"), String(200)
    )
    citation: Mapped[str] = column(nothing("what they cite"), Text)
    commitment: Mapped[bytes] = column(
        pseudonym(Whose.USER, "salted SHA-256 of whose it was; it says nothing without the salt"), LargeBinary
    )
    salt: Mapped[bytes] = column(
        personal(
            Category.PSEUDONYM,
            Whose.USER,
            "the commitment's salt",
            purposes=("legal",),
            ground="law",
            person="id",
        ),
        Sealed(),
    )
    sealed_at: Mapped[datetime] = column(nothing("when it was sealed"))
    destroy_on: Mapped[date] = column(nothing("the day on which it is destroyed"), Date())
    blob: Mapped[bytes] = column(
        personal(
            Category.CONTACT_POINT, Whose.USER, "the columns that law names, for two custodians", purposes=("legal",),
            ground="law", person="id",
        ),
        Sealed(),
        deferred=True,
    )  # fmt: skip


class SealedRelease(ControlTable):
    """That a sealed record was asked for on somebody's order, and who agreed. The file holds what two custodians open."""

    __tablename__ = "sealed_release"
    __keep__ = EVIDENCE
    __table_args__ = (
        CheckConstraint("length(btrim(ordered_by)) >= 3 AND length(btrim(reference)) >= 3", name="authority"),
        CheckConstraint("approved_by <> asked_by", name="two_persons"),
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved"),
        Index("ix_sealed_release_record_id", "record_id"),
    )
    __sql__ = (
        "REVOKE DELETE ON sealed_release FROM cm_app, cm_worker",
        AGREED,
        "CREATE TRIGGER agreed BEFORE UPDATE ON sealed_release FOR EACH ROW EXECUTE FUNCTION cm.refuse_agreed()",
        READ_SEALED,
        "REVOKE ALL ON FUNCTION cm.read_sealed(uuid) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION cm.read_sealed(uuid) TO cm_app, cm_worker",
    )

    record_id: Mapped[UUID] = column(nothing("the sealed record"), Uuid())
    ordered_by: Mapped[str] = column(
        nothing("the court or agency; no person", Category.BUSINESS_CONTENT), String(120)
    )
    reference: Mapped[str] = column(nothing("number of the order", Category.BUSINESS_CONTENT), String(80))
    asked_by: Mapped[UUID] = column(pseudonym(Whose.USER, "who of the staff asked"))
    asked_at: Mapped[datetime] = column(nothing("when"))
    approved_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who of the staff agreed: somebody else"))
    approved_at: Mapped[datetime | None] = column(nothing("when"))
