"""Tables of the room: accounts, how they sign in, workspaces, who works in them, and keys.

An account holds name, e-mail, optional phone, organisation, role and sign-in identifiers, nothing else (Policy §1), all
sealed under the person's own key. No password and no readable secret is kept anywhere.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Row,
    Sealed,
    TenantTable,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)

ACCOUNT = Keep(until="the account is closed, then 30 days of recovery", promise="keep.deleted-account")
TENANT = Keep(until="the workspace is closed, then 30 days of recovery", promise="keep.deleted-account")


class UserAccount(ControlTable):
    """A person with an account. Readable parts are sealed under their own key."""

    __tablename__ = "user_account"
    __keep__ = ACCOUNT
    __table_args__ = (UniqueConstraint("email_index"),)

    full_name: Mapped[bytes | None] = column(
        personal(Category.ACCOUNT, Whose.USER, "name", person="id"), Sealed(), nullable=True
    )
    email: Mapped[bytes] = column(
        personal(Category.ACCOUNT, Whose.USER, "e-mail address", person="id"), Sealed()
    )
    email_index: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of the e-mail address, to sign in by"), LargeBinary
    )
    phone: Mapped[bytes | None] = column(
        personal(Category.ACCOUNT, Whose.USER, "phone number, if given", person="id"), Sealed(), nullable=True
    )
    language: Mapped[str] = column(
        metadata_of(Whose.USER, "the language they read", ("service",)), String(16)
    )
    adult_declared_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when they declared to be 18 or older", ("service", "legal"))
    )
    deactivated_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when they closed the account", ("service",))
    )


class SignInCode(ControlTable):
    """A code sent to an e-mail address. Whose it is, is not looked up before it is redeemed; it has a key of its own."""

    __tablename__ = "sign_in_code"
    __keep__ = Keep(days=1, anchor="expires_at", promise="keep.active")
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_sign_in_code_email_index", "email_index"),
        Index("ix_sign_in_code_expires_at", "expires_at"),
    )

    token_hash: Mapped[bytes] = column(
        nothing("keyed hash of what the asking browser holds", Category.SECRET_HASH), LargeBinary
    )
    code_hash: Mapped[bytes] = column(nothing("keyed hash of the code", Category.SECRET_HASH), LargeBinary)
    address: Mapped[bytes] = column(
        personal(Category.CONTACT_POINT, Whose.USER, "the e-mail address it was sent to", person="id"),
        Sealed(),
    )
    email_index: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of the e-mail address"), LargeBinary
    )
    language: Mapped[str] = column(
        metadata_of(Whose.USER, "the language it was asked in", ("service",)), String(16)
    )
    expires_at: Mapped[datetime] = column(nothing("until when it works"))
    consumed_at: Mapped[datetime | None] = column(nothing("when it was redeemed"))
    replaced_at: Mapped[datetime | None] = column(nothing("when a newer one was sent"))


class SignInCounter(Row):
    """How often something happened lately under an e-mail address or from a network address, and until when it is closed."""

    __tablename__ = "sign_in_counter"
    __keep__ = Keep(days=1, anchor="counted_from", promise="keep.active")

    kind: Mapped[str] = column(nothing("what is counted, and by what"), String(24), primary_key=True)
    subject: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of an e-mail or network address"), LargeBinary, primary_key=True
    )
    tries: Mapped[int] = column(nothing("how often"), Integer, default=0)
    counted_from: Mapped[datetime] = column(nothing("since when it is counted"))
    locked_until: Mapped[datetime | None] = column(nothing("until when it is closed"))


class Session(ControlTable):
    """A browser that is signed in. What it holds is kept as a keyed hash only."""

    __tablename__ = "session"
    __keep__ = Keep(days=30, anchor="expires_at", promise="keep.active")
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_session_user_id", "user_id"))

    token_hash: Mapped[bytes] = column(nothing("keyed hash of the cookie", Category.SECRET_HASH), LargeBinary)
    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who is signed in"))
    tenant_id: Mapped[UUID | None] = column(nothing("the workspace they are working in"))
    device: Mapped[bytes | None] = column(
        personal(
            Category.DEVICE,
            Whose.USER,
            "browser and system, in words",
            purposes=("security",),
            person="user_id",
        ),
        Sealed(),
    )
    last_seen_at: Mapped[datetime] = column(metadata_of(Whose.USER, "when it was last used", ("security",)))
    expires_at: Mapped[datetime] = column(nothing("when it ends at the latest"))
    revoked_at: Mapped[datetime | None] = column(nothing("when it was signed out"))


class Tenant(ControlTable):
    """An organisation and its workspace."""

    __tablename__ = "tenant"
    __keep__ = TENANT
    __table_args__ = (
        UniqueConstraint("slug"),
        CheckConstraint("state IN ('active', 'closed')", name="state"),
    )

    name: Mapped[str] = column(nothing("what the organisation calls itself", Category.ACCOUNT), String(120))
    slug: Mapped[str] = column(nothing("a short name for addresses"), String(60))
    state: Mapped[str] = column(nothing("active or closed"), String(12), default="active")
    plan: Mapped[str] = column(nothing("the plan it is on"), String(40), default="starter")
    closed_at: Mapped[datetime | None] = column(nothing("when it was closed"))


class Membership(TenantTable):
    """That a user works in a tenant, in a role."""

    __tablename__ = "membership"
    __keep__ = TENANT
    __table_args__ = (
        UniqueConstraint("tenant_id", "user_id"),
        CheckConstraint("role IN ('owner', 'admin', 'developer', 'teammate', 'billing')", name="role"),
    )

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who works here"))
    role: Mapped[str] = column(
        nothing("owner, admin, developer, teammate or billing", Category.ACCOUNT), String(16)
    )


class ApiKey(TenantTable):
    """A secret that calls /v1 for a tenant. Shown once; kept as a keyed hash only."""

    __tablename__ = "api_key"
    __keep__ = TENANT
    __table_args__ = (UniqueConstraint("tenant_id", "secret_hash"),)

    name: Mapped[str] = column(nothing("a label for the team"), String(80))
    last_four: Mapped[str] = column(nothing("the last characters, to tell keys apart"), String(4))
    secret_hash: Mapped[bytes] = column(
        nothing("keyed hash of the secret", Category.SECRET_HASH), LargeBinary
    )
    permissions: Mapped[list[str]] = column(nothing("the services it may use"), ARRAY(String(20)))
    monthly_budget: Mapped[int | None] = column(
        nothing("the most it may spend in a month, in micro-rupees", Category.MONEY), BigInteger
    )
    created_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who made it"))
    expires_at: Mapped[datetime | None] = column(nothing("until when it works"))
    last_used_at: Mapped[datetime | None] = column(nothing("when it was last used, to the minute"))
    revoked_at: Mapped[datetime | None] = column(nothing("when it was revoked"))
