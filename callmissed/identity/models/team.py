"""How a team grows and changes: roles a workspace made itself, invitations, and handing the workspace on."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
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
from callmissed.identity.models.tenants import ROLE_CHECK, TENANT

SETTLED = Keep(until="a week after it was settled or has ended", promise="keep.active")


class CustomRole(TenantTable):
    """A role that a workspace made itself: a named set of permissions, never one that only an owner has."""

    __tablename__ = "custom_role"
    __keep__ = TENANT
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str] = column(nothing("what the team calls it", Category.BUSINESS_CONTENT), String(40))
    permissions: Mapped[list[str]] = column(nothing("what it allows"), ARRAY(String(40)))
    created_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who made it"))


class Invitation(TenantTable):
    """That somebody was asked into the workspace, by an address that has to be proved. The address has a key of its own."""

    __tablename__ = "invitation"
    __keep__ = SETTLED
    __table_args__ = (
        UniqueConstraint("tenant_id", "token_hash"),
        Index("ix_invitation_email_index", "tenant_id", "email_index"),
        ForeignKeyConstraint(["tenant_id", "role_id"], ["custom_role.tenant_id", "custom_role.id"]),
        CheckConstraint(f"{ROLE_CHECK} AND role <> 'owner'", name="role"),
    )

    token_hash: Mapped[bytes] = column(
        nothing("keyed hash of what stands in the link", Category.SECRET_HASH), LargeBinary
    )
    address: Mapped[bytes | None] = column(
        personal(Category.CONTACT_POINT, Whose.USER, "the e-mail address it was sent to", person="id"),
        Sealed(),
        nullable=True,
    )
    email_index: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of the e-mail address"), LargeBinary
    )
    role: Mapped[str] = column(nothing("the role it leads to"), String(16))
    role_id: Mapped[UUID | None] = column(nothing("the workspace's own role it leads to"))
    language: Mapped[str] = column(
        metadata_of(Whose.USER, "the language it was written in", ("service",)), String(16)
    )
    invited_by: Mapped[UUID] = column(pseudonym(Whose.USER, "who invites"))
    expires_at: Mapped[datetime] = column(nothing("until when it works"))
    accepted_at: Mapped[datetime | None] = column(nothing("when it was accepted"))
    withdrawn_at: Mapped[datetime | None] = column(nothing("when it was withdrawn"))


class OwnershipTransfer(TenantTable):
    """That an owner offers the workspace to a teammate, who has two days to take it."""

    __tablename__ = "ownership_transfer"
    __keep__ = TENANT
    __table_args__ = (
        Index(
            "uq_ownership_transfer_open",
            "tenant_id",
            unique=True,
            postgresql_where=text("settled_at IS NULL"),
        ),
        CheckConstraint(
            "(settled_at IS NULL) = (outcome IS NULL)"
            " AND outcome IN ('taken', 'declined', 'withdrawn', 'expired')",
            name="outcome",
        ),
    )

    from_user: Mapped[UUID] = column(pseudonym(Whose.USER, "who offers it"))
    to_user: Mapped[UUID] = column(pseudonym(Whose.USER, "who is to take it"))
    expires_at: Mapped[datetime] = column(nothing("until when it can be taken"))
    outcome: Mapped[str | None] = column(nothing("taken, declined, withdrawn or expired"), String(12))
    settled_at: Mapped[datetime | None] = column(nothing("when that was"))
