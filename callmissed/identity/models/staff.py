"""The operator's staff: who they are, what they have signed, and when a tenant lets them look."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.audit import append_only
from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    TenantTable,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)
from callmissed.identity.models.tenants import TENANT

BOUND = Keep(until="the installation ends: the undertaking has no end", promise="safe.confidentiality")

ONE_OPENED = """ends_at IS NULL OR opened_at IS NOT NULL AND (
  kind = 'approval' AND decided_by IS NOT NULL OR kind = 'glass' AND seconded_by IS NOT NULL AND authority IS NOT NULL)"""
IN_TIME = """ends_at IS NULL OR ends_at > opened_at
  AND ends_at <= opened_at + make_interval(mins => least(minutes, CASE kind WHEN 'glass' THEN 60 ELSE 480 END))"""


class StaffMember(ControlTable):
    """A person who works for the operator, in one role. The role works once they are bound, and until they are removed."""

    __tablename__ = "staff_member"
    __keep__ = BOUND
    __table_args__ = (
        UniqueConstraint("user_id"),
        UniqueConstraint("handle"),
        CheckConstraint(
            "role IN ('support', 'finance', 'security', 'grievance', 'privacy', 'auditor')", name="role"
        ),
    )

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "whose account it is"))
    role: Mapped[str] = column(nothing("which role, see staff_roles.py"), String(16))
    handle: Mapped[str] = column(
        pseudonym(Whose.USER, "the name under which tenants see what they did"), String(16)
    )
    bound_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when they first signed the undertaking", ("service", "legal"))
    )
    removed_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when they left the staff", ("service", "legal"))
    )


class StaffUndertaking(ControlTable):
    """One signature under the confidentiality undertaking: what was read, the name typed, and a digest over both and the time."""

    __tablename__ = "staff_undertaking"
    __keep__ = BOUND
    __append_only__ = True
    __sql__ = append_only("staff_undertaking")
    __table_args__ = (Index("ix_staff_undertaking_user_id", "user_id"),)

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who signed"))
    version: Mapped[int] = column(nothing("which version of the text"), Integer)
    language: Mapped[str] = column(
        metadata_of(Whose.USER, "the language it was read in", ("legal",)), String(16)
    )
    text_digest: Mapped[bytes] = column(
        nothing("SHA-256 of the text that was read", Category.EVIDENCE), LargeBinary
    )
    signed_name: Mapped[bytes] = column(
        personal(
            Category.CONTENT,
            Whose.USER,
            "the name they typed as their signature",
            purposes=("legal",),
            person="user_id",
        ),
        Sealed(),
    )
    digest: Mapped[bytes] = column(
        nothing(
            "SHA-256 over text, sealed name, signer and time; the audit leaf holds it too", Category.EVIDENCE
        ),
        LargeBinary,
    )
    signed_at: Mapped[datetime] = column(metadata_of(Whose.USER, "when they signed", ("legal",)))


class StaffAccess(TenantTable):
    """A request of the operator's staff to look into this tenant: asked, decided, open for a time, and ended.

    Of kind `approval` it is opened by somebody of the tenant; of kind `glass` by two persons of staff, for an hour at most.
    """

    __tablename__ = "staff_access"
    __keep__ = TENANT
    __table_args__ = (
        CheckConstraint("kind IN ('approval', 'glass')", name="kind"),
        CheckConstraint("scope IN ('conversation', 'bots', 'usage', 'billing')", name="scope"),
        CheckConstraint("(scope = 'conversation') = (target_id IS NOT NULL)", name="target"),
        CheckConstraint("minutes BETWEEN 15 AND CASE kind WHEN 'glass' THEN 60 ELSE 480 END", name="minutes"),
        CheckConstraint("decided_by <> asked_by AND seconded_by <> asked_by", name="two_persons"),
        CheckConstraint(ONE_OPENED, name="opened"),
        CheckConstraint(IN_TIME, name="in_time"),
        Index("ix_staff_access_created_at", "tenant_id", "created_at"),
    )

    kind: Mapped[str] = column(nothing("approval or glass"), String(8))
    asked_by: Mapped[UUID] = column(pseudonym(Whose.USER, "the staff member who asked"))
    handle: Mapped[str] = column(pseudonym(Whose.USER, "their name before the tenant"), String(16))
    role: Mapped[str] = column(nothing("their role when they asked"), String(16))
    reason: Mapped[str] = column(
        nothing("why they need to look, in their words, naming no person", Category.BUSINESS_CONTENT),
        String(1000),
    )
    authority: Mapped[str | None] = column(
        nothing("the order or incident that breaking the glass rests on", Category.BUSINESS_CONTENT),
        String(200),
    )
    scope: Mapped[str] = column(nothing("what they may look at"), String(16))
    target_id: Mapped[UUID | None] = column(nothing("the conversation, where it is one"))
    minutes: Mapped[int] = column(nothing("for how long"), Integer)
    seconded_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "the second person of staff, for glass"))
    second_handle: Mapped[str | None] = column(
        pseudonym(Whose.USER, "the second person's name before the tenant"), String(16)
    )
    decided_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who decided for the tenant"))
    refused_at: Mapped[datetime | None] = column(nothing("when it was refused"))
    opened_at: Mapped[datetime | None] = column(nothing("from when it works"))
    ends_at: Mapped[datetime | None] = column(nothing("until when it works at the latest"))
    ended_at: Mapped[datetime | None] = column(nothing("when it was ended before its time"))
    acknowledged_at: Mapped[datetime | None] = column(nothing("when the tenant acknowledged broken glass"))
    reads: Mapped[int] = column(nothing("leaves of the audit log about what was read"), Integer, default=0)
