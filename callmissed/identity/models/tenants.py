"""Workspaces, and who works in them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    TenantTable,
    Whose,
    column,
    nothing,
    pseudonym,
)

TENANT = Keep(until="the workspace is closed, then 30 days of recovery", promise="keep.deleted-account")


ROLE_CHECK = (
    "role IN ('owner', 'admin', 'developer', 'teammate', 'billing', 'privacy', 'custom')"
    " AND (role = 'custom') = (role_id IS NOT NULL)"
)
"""A role is one of ours, or 'custom' with the id of one that the workspace made."""


class Tenant(ControlTable):
    """An organisation and its workspace."""

    __tablename__ = "tenant"
    __keep__ = TENANT
    __table_args__ = (
        UniqueConstraint("slug"),
        CheckConstraint("state IN ('active', 'closed', 'erased')", name="state"),
    )

    name: Mapped[str] = column(nothing("what the organisation calls itself", Category.ACCOUNT), String(120))
    slug: Mapped[str] = column(nothing("a short name for addresses"), String(60))
    state: Mapped[str] = column(nothing("active, closed or erased"), String(12), default="active")
    plan: Mapped[str] = column(nothing("the plan it is on"), String(40), default="starter")
    requires_second_factor: Mapped[bool] = column(
        nothing("whether its members must sign in with a passkey or in two steps"), server_default=false()
    )
    closed_at: Mapped[datetime | None] = column(nothing("when it was closed"))
    india_only: Mapped[bool] = column(
        nothing("whether its content is processed in India only"), server_default=true()
    )
    own_keys: Mapped[int] = column(
        nothing("how often its own keys at suppliers have changed; 0 while it has had none"),
        Integer,
        default=0,
        server_default=text("0"),
    )


class Membership(TenantTable):
    """That a user works in a tenant, in a role. A tenant has one owner."""

    __tablename__ = "membership"
    __batched__ = True
    __keep__ = TENANT
    __table_args__ = (
        UniqueConstraint("tenant_id", "user_id"),
        Index("uq_membership_owner", "tenant_id", unique=True, postgresql_where=text("role = 'owner'")),
        ForeignKeyConstraint(["tenant_id", "role_id"], ["custom_role.tenant_id", "custom_role.id"]),
        CheckConstraint(ROLE_CHECK, name="role"),
    )

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who works here"))
    role: Mapped[str] = column(
        nothing("owner, admin, developer, teammate, billing, privacy or custom", Category.ACCOUNT), String(16)
    )
    role_id: Mapped[UUID | None] = column(nothing("the workspace's own role, when it is one"))
