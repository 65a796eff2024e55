"""Wallets, holds, the ledger, and the usage that is billed."""

from datetime import date
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped

from callmissed.billing.lease_sql import LEASE_FUNCTIONS
from callmissed.foundation.datamap import (
    Category,
    Keep,
    TenantLog,
    TenantTable,
    Whose,
    column,
    metadata_of,
    nothing,
    pseudonym,
)

MOMENT = """
-- The time inside a UUIDv7 (RFC 9562 §5.7). It makes the partition key a function of the reference, and with that the unique
-- constraint of a partitioned table unique by reference alone.
CREATE OR REPLACE FUNCTION cm.moment(ref uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT to_timestamp((
    (get_byte(uuid_send(ref), 0)::bigint << 40) | (get_byte(uuid_send(ref), 1)::bigint << 32)
    | (get_byte(uuid_send(ref), 2)::bigint << 24) | (get_byte(uuid_send(ref), 3)::bigint << 16)
    | (get_byte(uuid_send(ref), 4)::bigint << 8) | get_byte(uuid_send(ref), 5)::bigint) / 1000.0)
$$;
GRANT EXECUTE ON FUNCTION cm.moment(uuid) TO cm_app, cm_worker, cm_verifier
"""

MONTH = """
-- The month of the Indian calendar in which a request was begun, by the time inside its reference.
CREATE OR REPLACE FUNCTION cm.month(ref uuid) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT date_trunc('month', (cm.moment(ref) AT TIME ZONE 'UTC') + interval '330 minutes')::date
$$;
GRANT EXECUTE ON FUNCTION cm.month(uuid) TO cm_app, cm_worker, cm_verifier
"""


SPENDABLE = """
-- What a wallet can still promise: what it has available, and no more than what its workspace's budget leaves in the month of that moment.
-- A month that is ahead of the moment counts as this one: a clock that was set back opens no budget anew.
CREATE OR REPLACE FUNCTION cm.spendable(balance bigint, held bigint, budget bigint, month_on date, month_micro bigint, moment timestamptz)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT least(balance - held, budget - held - CASE
    WHEN month_on >= date_trunc('month', (moment AT TIME ZONE 'UTC') + interval '330 minutes')::date THEN month_micro ELSE 0 END)
$$;
GRANT EXECUTE ON FUNCTION cm.spendable(bigint, bigint, bigint, date, bigint, timestamptz) TO cm_app, cm_worker, cm_verifier
"""


class Wallet(TenantTable):
    """A tenant's money with us. `id` is the tenant's own id: there is one each. Available is balance less held."""

    __tablename__ = "wallet"
    __batched__ = True
    __keep__ = Keep(until="the statutory years of books of account have passed", promise="keep.payments")
    __table_args__ = (
        CheckConstraint("balance_micro >= 0", name="balance"),
        CheckConstraint("held_micro >= 0 AND held_micro <= balance_micro", name="held"),
    )

    balance_micro: Mapped[int] = column(
        nothing("micro-rupees: the sum of the ledger", category=Category.MONEY), BigInteger, default=0
    )
    held_micro: Mapped[int] = column(
        nothing("micro-rupees promised to requests under way", category=Category.MONEY), BigInteger, default=0
    )
    budget_micro: Mapped[int | None] = column(
        nothing("the most the workspace spends in a month, in micro-rupees", category=Category.MONEY),
        BigInteger,
    )
    month_on: Mapped[date] = column(
        nothing("the first day of the month whose spending is counted for the budget"),
        Date,
        default=date(2000, 1, 1),
        server_default=text("'2000-01-01'"),
    )
    month_micro: Mapped[int] = column(
        nothing("micro-rupees spent in that month, where there is a budget", category=Category.MONEY),
        BigInteger,
        default=0,
        server_default=text("0"),
    )


class WalletHold(TenantTable):
    """Money set aside: for one request under way, whose reference is the `id`, until it is settled; or a tenant's lease."""

    __tablename__ = "wallet_hold"
    __batched__ = True
    __keep__ = Keep(
        until="the request is settled or released, and the lease is a minute idle", promise="keep.active"
    )
    __table_args__ = (CheckConstraint("amount_micro > 0", name="amount"),)

    amount_micro: Mapped[int] = column(nothing("micro-rupees held", category=Category.MONEY), BigInteger)
    key_id: Mapped[UUID | None] = column(pseudonym(Whose.USER, "the key it came with"))
    end_user: Mapped[UUID | None] = column(
        pseudonym(
            Whose.CONTACT,
            "the customer of the workspace it was asked for, as a keyed hash of what they are called",
        )
    )


class KeySpend(TenantTable):
    """What a key has spent in one month of the Indian calendar, and holds for requests of it. `id` is the key's id."""

    __tablename__ = "key_spend"
    __batched__ = True
    __keep__ = Keep(days=90, promise="keep.usage-logs", anchor="created_at")
    __table_args__ = (
        CheckConstraint("spent_micro >= 0", name="spent"),
        CheckConstraint("held_micro >= 0", name="held"),
    )

    month_on: Mapped[date] = column(nothing("the first day of the month"), Date, primary_key=True)
    spent_micro: Mapped[int] = column(
        metadata_of(Whose.USER, "micro-rupees taken from the wallet", ("service", "billing")), BigInteger
    )
    held_micro: Mapped[int] = column(
        nothing("micro-rupees promised to requests under way", category=Category.MONEY), BigInteger
    )


class EndUserSpend(TenantTable):
    """What was spent in one month of the Indian calendar for a customer of the workspace, and is held for requests of it.

    `id` is a keyed hash of what the workspace calls them: it tells nobody who they are. Only keys that have a budget for each
    end user count.
    """

    __tablename__ = "end_user_spend"
    __keep__ = Keep(days=90, promise="keep.usage-logs", anchor="created_at")
    __table_args__ = (
        CheckConstraint("spent_micro >= 0", name="spent"),
        CheckConstraint("held_micro >= 0", name="held"),
    )

    month_on: Mapped[date] = column(nothing("the first day of the month"), Date, primary_key=True)
    spent_micro: Mapped[int] = column(
        metadata_of(Whose.CONTACT, "micro-rupees taken from the wallet", ("service", "billing")), BigInteger
    )
    held_micro: Mapped[int] = column(
        nothing("micro-rupees promised to requests under way", category=Category.MONEY), BigInteger
    )


class LedgerEntry(TenantLog):
    """One transfer: an amount from one account to another, never changed. A reference occurs once per kind."""

    __tablename__ = "ledger_entry"
    __batched__ = True
    __keep__ = Keep(until="the statutory years of books of account have passed", promise="keep.payments")
    __table_args__ = (
        UniqueConstraint("tenant_id", "at", "ref", "kind", name="uq_ledger_entry_ref_kind"),
        CheckConstraint("amount_micro > 0", name="amount"),
        CheckConstraint("debit <> credit", name="accounts"),
    )
    __sql__ = (
        MOMENT,
        MONTH,
        SPENDABLE,
        "ALTER TABLE ledger_entry ADD CONSTRAINT ck_ledger_entry_moment CHECK (at = cm.moment(ref))",
        *LEASE_FUNCTIONS,
    )

    debit: Mapped[str] = column(nothing("account the amount leaves"), String(20))
    credit: Mapped[str] = column(nothing("account the amount enters"), String(20))
    amount_micro: Mapped[int] = column(nothing("micro-rupees", category=Category.MONEY), BigInteger)
    kind: Mapped[str] = column(nothing("why: usage, welcome, grant, …"), String(20))
    ref: Mapped[UUID] = column(nothing("what it is for: a UUIDv7, whose time is `at`"))


class UsageRecord(TenantLog):
    """One request that was answered or failed: figures about it, never its content. `id` is the request's reference."""

    __tablename__ = "usage_record"
    __batched__ = True
    __keep__ = Keep(days=90, promise="keep.usage-logs", anchor="at")
    __table_args__ = (CheckConstraint("price_micro >= 0", name="price"),)

    key_id: Mapped[UUID | None] = column(pseudonym(Whose.USER, "the key it came with"), nullable=True)
    bot_id: Mapped[UUID | None] = column(nothing("the bot it was made for"), nullable=True)
    conversation_id: Mapped[UUID | None] = column(
        pseudonym(Whose.CONTACT, "the conversation it was made for"), nullable=True
    )
    endpoint: Mapped[str] = column(
        metadata_of(Whose.USER, "what was asked for, such as chat.completions"), String(40)
    )
    model: Mapped[str] = column(metadata_of(Whose.USER, "the model that answered"), String(100))
    upstream: Mapped[str] = column(nothing("who ran the model"), String(60))
    region: Mapped[str] = column(nothing("where it ran: ISO country, with a place where known"), String(40))
    may_train: Mapped[bool] = column(
        nothing("whether the upstream's contract let it train on content"), Boolean
    )
    tokens_in: Mapped[int] = column(metadata_of(Whose.USER, "tokens read"), Integer)
    tokens_out: Mapped[int] = column(metadata_of(Whose.USER, "tokens written"), Integer)
    counted_by: Mapped[str] = column(nothing("who counted the tokens: upstream or callmissed"), String(12))
    admit_us: Mapped[int] = column(metadata_of(Whose.USER, "microseconds for key and limits"), Integer)
    reserve_us: Mapped[int] = column(
        metadata_of(Whose.USER, "microseconds to reserve in the wallet"), Integer
    )
    first_token_ms: Mapped[int | None] = column(
        metadata_of(Whose.USER, "milliseconds until the first token"), Integer, nullable=True
    )
    latency_ms: Mapped[int] = column(metadata_of(Whose.USER, "milliseconds until the last token"), Integer)
    price_in_micro: Mapped[int] = column(
        nothing(
            "micro-rupees for a lot of what was read: 10 lakh tokens, or as the unit says",
            category=Category.MONEY,
        ),
        BigInteger,
    )
    price_out_micro: Mapped[int] = column(
        nothing("micro-rupees per 10 lakh tokens written", category=Category.MONEY), BigInteger
    )
    price_micro: Mapped[int] = column(
        metadata_of(Whose.USER, "micro-rupees taken from the wallet", ("service", "billing")), BigInteger
    )
    status: Mapped[str] = column(metadata_of(Whose.USER, "ok, cancelled or failed"), String(12))
    http_status: Mapped[int] = column(metadata_of(Whose.USER, "the status the caller saw"), SmallInteger)
    problem: Mapped[str | None] = column(
        metadata_of(Whose.USER, "the code of what went wrong"), String(60), nullable=True
    )
    streamed: Mapped[bool] = column(metadata_of(Whose.USER, "whether the answer was streamed"), Boolean)
    tried: Mapped[str | None] = column(
        nothing("upstreams that had the request before, each as name@region"), String(400), nullable=True
    )
    india_only: Mapped[bool] = column(
        nothing("whether the workspace kept its content in India then"), Boolean, server_default=true()
    )
    unit: Mapped[str | None] = column(
        nothing("what was sold, where it was not tokens: second, character, image or search"),
        String(12),
        nullable=True,
    )
    units: Mapped[int | None] = column(metadata_of(Whose.USER, "how many of them"), Integer, nullable=True)
    options: Mapped[str | None] = column(
        nothing("what was done besides because its key asks for it, such as masked=2"),
        String(60),
        nullable=True,
    )
    own_key: Mapped[bool] = column(
        nothing("whether it ran on the workspace's own account at the upstream"),
        Boolean,
        server_default=false(),
    )
