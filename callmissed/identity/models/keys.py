"""The secrets that call /v1, what narrows them, and who owns them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import Category, Keep, TenantTable, Whose, column, nothing, pseudonym
from callmissed.identity.models.tenants import TENANT

NONE = text("'{}'")


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
    scopes: Mapped[list[str]] = column(
        nothing("what it may do in the management API"), ARRAY(String(40)), server_default=NONE
    )
    requests_per_minute: Mapped[int | None] = column(nothing("the most requests in a minute"), Integer)
    tokens_per_minute: Mapped[int | None] = column(nothing("the most tokens in a minute"), Integer)
    models: Mapped[list[str]] = column(
        nothing("the models it may ask, with * for any characters; none: all"),
        ARRAY(String(200)),
        server_default=NONE,
    )
    origins: Mapped[list[str]] = column(
        nothing("the websites whose pages may use it; none: programs only"),
        ARRAY(String(200)),
        server_default=NONE,
    )
    networks: Mapped[list[str]] = column(
        nothing("the address ranges it may call from; none: all"), ARRAY(String(50)), server_default=NONE
    )
    service_account_id: Mapped[UUID | None] = column(nothing("the service account that owns it"))
    serial: Mapped[int] = column(
        nothing("which secret of the key this is, from 1"), Integer, default=1, server_default=text("1")
    )
    rotated_at: Mapped[datetime | None] = column(nothing("when it got this secret, if not the first"))
    rotated_by: Mapped[UUID | None] = column(
        pseudonym(Whose.USER, "who was shown this secret, if not the first")
    )


class RetiredSecret(TenantTable):
    """A secret that a key had before, which may work on for a few days while programs change over."""

    __tablename__ = "retired_secret"
    __keep__ = Keep(days=30, anchor="works_until", promise="keep.active")
    __table_args__ = (
        UniqueConstraint("tenant_id", "secret_hash"),
        Index("ix_retired_secret_key_id", "tenant_id", "key_id"),
    )

    key_id: Mapped[UUID] = column(nothing("the key it belonged to"))
    serial: Mapped[int] = column(nothing("which secret of the key it was"), Integer)
    last_four: Mapped[str] = column(nothing("the last characters, to tell secrets apart"), String(4))
    secret_hash: Mapped[bytes] = column(
        nothing("keyed hash of the secret", Category.SECRET_HASH), LargeBinary
    )
    works_until: Mapped[datetime] = column(nothing("until when it works beside its successor"))
    last_used_at: Mapped[datetime | None] = column(nothing("when it was last used, to the minute"))


class ServiceAccount(TenantTable):
    """A member that is no person: the keys it owns work on when whoever made them leaves."""

    __tablename__ = "service_account"
    __keep__ = TENANT
    __table_args__ = (
        Index(
            "uq_service_account_name",
            "tenant_id",
            "name",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    name: Mapped[str] = column(nothing("a label for the team"), String(80))
    created_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who made it"))
    closed_at: Mapped[datetime | None] = column(nothing("when it was closed, with all its keys"))
