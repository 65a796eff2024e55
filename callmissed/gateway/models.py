"""The tables of the room: what is kept of answers, and of what was asked, because whoever asked wants it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Boolean, Date, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    Holds,
    Keep,
    Sealed,
    TenantTable,
    Whose,
    column,
    nothing,
    personal,
    pseudonym,
)

LONGEST_LOG_DAYS = 30


class AnsweredOnce(TenantTable):
    """That a key asked something under an Idempotency-Key, and the sealed answer. Only callers who send that header leave one."""

    __tablename__ = "answered_once"
    __keep__ = Keep(days=1, anchor="created_at", promise="keep.active")
    __table_args__ = (UniqueConstraint("tenant_id", "key_id", "key_hash"),)

    key_id: Mapped[UUID] = column(nothing("the key that asked"))
    key_hash: Mapped[bytes] = column(
        nothing("keyed hash of the Idempotency-Key", Category.SECRET_HASH), LargeBinary
    )
    request_hash: Mapped[bytes] = column(
        nothing("keyed hash of address and body", Category.SECRET_HASH), LargeBinary
    )
    usage_id: Mapped[UUID] = column(nothing("the usage record of its one charge"))
    answer: Mapped[bytes | None] = column(
        personal(Category.CONTENT, Whose.CONTACT, "headers and body of the answer", person="key_id"),
        Sealed(),
    )


class ProviderKey(TenantTable):
    """A workspace's own key at an upstream: sealed, never shown again, gone for good when it is replaced or taken out.

    Its account stands under the workspace's own contract, of which somebody of the workspace has said that it excludes training.
    """

    __tablename__ = "provider_key"
    __keep__ = Keep(until="it is replaced or taken out, or the workspace is erased", promise="keep.active")
    __table_args__ = (UniqueConstraint("tenant_id", "upstream"),)

    upstream: Mapped[str] = column(nothing("the upstream it opens"), String(60))
    server: Mapped[str] = column(nothing("the only server it is sent to"), String(300))
    secret: Mapped[bytes] = column(
        Holds("the key, under a key of its own", Category.NONE, person="id"),
        Sealed(),
    )
    last_four: Mapped[str] = column(nothing("the last characters, to tell keys apart"), String(4))
    contract: Mapped[str] = column(nothing("the contract that is said to exclude training"), String(200))
    contract_on: Mapped[date] = column(nothing("the day of that contract"), Date)
    falls_back: Mapped[bool] = column(
        nothing("whether the operator's account may be asked where this one does not answer"), Boolean
    )
    made_by: Mapped[UUID | None] = column(
        pseudonym(Whose.USER, "who brought it, and said so of the contract")
    )
    verified_at: Mapped[datetime] = column(nothing("when the supplier was last seen to accept it"))
    refused_at: Mapped[datetime | None] = column(
        nothing("since when the supplier does not accept it any more")
    )


class PromptLog(TenantTable):
    """What a request of a key asked and was answered, sealed. Only keys that are switched to it leave one. `id` is the usage record's.

    A row lives 30 days from `counts_from`, which lies so far back that it goes after as many days as its key asks for.
    """

    __tablename__ = "prompt_log"
    __keep__ = Keep(days=LONGEST_LOG_DAYS, anchor="counts_from", promise="keep.active")

    key_id: Mapped[UUID] = column(nothing("the key that asked"))
    counts_from: Mapped[datetime] = column(nothing("from when its 30 days count"))
    content: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "what was asked and answered", person="key_id"), Sealed()
    )


class KeptAnswer(TenantTable):
    """A whole answer of a key that is switched to the cache, sealed: the same request of its workspace gets it again for an hour."""

    __tablename__ = "kept_answer"
    __keep__ = Keep(days=1, anchor="created_at", promise="keep.active")
    __table_args__ = (UniqueConstraint("tenant_id", "request_hash"),)

    key_id: Mapped[UUID] = column(nothing("the key that asked"))
    request_hash: Mapped[bytes] = column(
        nothing("keyed hash of address and body", Category.SECRET_HASH), LargeBinary
    )
    answer: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "headers and body of the answer", person="key_id"), Sealed()
    )
