"""The tables of the audit log. Nothing in them is ever changed: rights, triggers and the signed tree each see to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from callmissed.foundation import clock
from callmissed.foundation.datamap import (
    Category,
    Keep,
    Row,
    TenantTable,
    Whose,
    column,
    nothing,
    pseudonym,
)

FOREVER = Keep(until="the installation ends", promise="keep.audit")
"""The log holds pseudonyms and salted commitments; erasing a person makes its entries unlinkable, not shorter."""

REFUSE = """
CREATE OR REPLACE FUNCTION cm.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""


def append_only(table: str) -> tuple[str, str]:
    """The statements that make a table refuse changes from everybody, its owner included."""
    return REFUSE, (
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change()"
    )


class AuditLeaf(TenantTable):
    """One change of state: who did what to which thing, written in the transaction that did it."""

    __tablename__ = "audit_leaf"
    __keep__ = FOREVER
    __append_only__ = True
    __sql__ = append_only("audit_leaf")
    __table_args__ = (
        Index("ix_audit_leaf_subject_key", "tenant_id", text("substring(subject_salt, 2, 16)")),
        Index("ix_audit_leaf_target_id", "tenant_id", "target_id"),
    )

    actor_kind: Mapped[str] = column(nothing("user, key, visitor, system or staff"), String(20))
    actor_id: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who did it"))
    action: Mapped[str] = column(nothing("what was done: room:subject:action"), String(100))
    subject: Mapped[bytes | None] = column(
        pseudonym(Whose.CONTACT, "a salted commitment to the person it is about"), LargeBinary
    )
    subject_salt: Mapped[bytes | None] = column(
        pseudonym(Whose.CONTACT, "the commitment's salt, sealed under that person's key"), LargeBinary
    )
    target_id: Mapped[UUID | None] = column(nothing("the row it was done to"))
    body: Mapped[dict[str, Any]] = column(nothing("what changed, without personal data"), JSONB)
    digest: Mapped[bytes] = column(
        nothing("SHA-256 of the record in canonical JSON", Category.EVIDENCE), LargeBinary
    )


class AuditPending(Row):
    """A leaf that waits for its place in the tree; gone once it has one."""

    __tablename__ = "audit_pending"
    __keep__ = Keep(until="sealed", promise="keep.active")
    __append_only__ = True
    __sql__ = ("GRANT DELETE ON audit_pending TO cm_app, cm_worker",)

    leaf_id: Mapped[UUID] = column(nothing("the leaf"), primary_key=True)
    leaf_tenant: Mapped[UUID] = column(nothing("the tenant whose leaf it is"))
    digest: Mapped[bytes] = column(nothing("the leaf's digest", Category.EVIDENCE), LargeBinary)
    at: Mapped[datetime] = column(nothing("since when it waits"), default=clock.now)


class AuditPosition(Row):
    """The place of a leaf in the one tree of the installation, and its running number within its tenant."""

    __tablename__ = "audit_position"
    __keep__ = FOREVER
    __append_only__ = True
    __sql__ = append_only("audit_position")
    __table_args__ = (UniqueConstraint("leaf_tenant", "sequence"), UniqueConstraint("leaf_id"))

    position: Mapped[int] = column(
        nothing("0 for the first leaf"), BigInteger, primary_key=True, autoincrement=False
    )
    leaf_tenant: Mapped[UUID] = column(nothing("the tenant whose leaf it is"))
    sequence: Mapped[int] = column(nothing("1 for the tenant's first leaf"), BigInteger)
    leaf_id: Mapped[UUID] = column(nothing("the leaf"))
    digest: Mapped[bytes] = column(nothing("the leaf's digest", Category.EVIDENCE), LargeBinary)


class AuditCheckpoint(Row):
    """What the log said of itself at one moment, signed."""

    __tablename__ = "audit_checkpoint"
    __keep__ = FOREVER
    __append_only__ = True
    __sql__ = append_only("audit_checkpoint")

    size: Mapped[int] = column(
        nothing("leaves in the tree"), BigInteger, primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = column(nothing("when it was signed"), default=clock.now)
    root: Mapped[bytes] = column(nothing("the tree's root", Category.EVIDENCE), LargeBinary)
    frontier: Mapped[bytes] = column(
        nothing("the roots of the full subtrees, to go on from", Category.EVIDENCE), LargeBinary
    )
    key_id: Mapped[bytes] = column(nothing("which key signed"), LargeBinary)
    note: Mapped[str] = column(nothing("the signed note (C2SP tlog-checkpoint)", Category.EVIDENCE), Text)
