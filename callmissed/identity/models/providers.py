"""Signing in through a provider: who somebody is there, and which e-mail domains a workspace sends there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Sealed,
    TenantTable,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)
from callmissed.identity.models.accounts import ACCOUNT
from callmissed.identity.models.tenants import TENANT


class LinkedIdentity(ControlTable):
    """That an account is a certain subject at a provider. Of what the provider says, nothing else is kept (Policy §1)."""

    __tablename__ = "linked_identity"
    __keep__ = ACCOUNT
    __table_args__ = (
        UniqueConstraint("provider", "subject_index"),
        Index("ix_linked_identity_user_id", "user_id"),
    )

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "whose it is"))
    provider: Mapped[str] = column(nothing("the provider, by our name for it"), String(40))
    subject_index: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of the provider's id for this person"), LargeBinary
    )
    email: Mapped[bytes] = column(
        personal(
            Category.CONTACT_POINT,
            Whose.USER,
            "the e-mail address at the provider",
            person="user_id",
        ),
        Sealed(),
    )
    last_used_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when it was last used", ("security",))
    )


class SignInDomain(TenantTable):
    """An e-mail domain whose people sign in through the workspace's provider, once the workspace has proven it is theirs."""

    __tablename__ = "sign_in_domain"
    __keep__ = TENANT
    __table_args__ = (UniqueConstraint("tenant_id", "domain"),)

    domain: Mapped[str] = column(nothing("the domain, in ASCII"), String(253))
    provider: Mapped[str] = column(nothing("the provider, by our name for it"), String(40))
    proof: Mapped[str] = column(nothing("what its TXT record has to say"), String(80))
    asked_at: Mapped[datetime | None] = column(nothing("when the record was last looked for"))
    verified_at: Mapped[datetime | None] = column(nothing("when the record was found"))
    missed_from: Mapped[datetime | None] = column(nothing("since when the record is found no longer"))
