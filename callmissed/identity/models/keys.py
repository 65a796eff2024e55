"""The secrets that call /v1."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import Category, TenantTable, Whose, column, nothing, pseudonym
from callmissed.identity.models.tenants import TENANT


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
