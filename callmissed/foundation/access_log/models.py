"""The tables of the access log. It is of the installation, not of a tenant: it also says who was refused and belongs nowhere."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Integer, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped

from callmissed.foundation import clock
from callmissed.foundation.datamap import (
    Category,
    Keep,
    Row,
    Sealed,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)
from callmissed.foundation.ids import uuid7

KEPT_DAYS = 366
"""A year: DPDP Rules 2025, rule 6(1)(e). It covers the 180 days of the CERT-In Directions of 28 April 2022, (iv)."""


class AccessEntry(Row):
    """How often one caller asked for one kind of thing, with one outcome, in one minute. Never what was asked or answered.

    `at` is the minute. A route is written as it is declared, without the ids in it, so no entry says more than its columns do.
    """

    __tablename__ = "access_entry"
    __keep__ = Keep(days=KEPT_DAYS, promise="keep.security-logs", anchor="at")
    __append_only__ = True
    __table_args__ = (Index("ix_access_entry_actor_id", "actor_id", "at"),)

    at: Mapped[datetime] = column(nothing("the minute"), primary_key=True, default=clock.now, sort_order=-9)
    id: Mapped[UUID] = column(nothing("the row's own id"), primary_key=True, default=uuid7, sort_order=-8)
    actor_kind: Mapped[str] = column(nothing("user, key, visitor, staff; or nobody who is known"), String(20))
    actor_id: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who asked"), nullable=True)
    method: Mapped[str] = column(metadata_of(Whose.USER, "the method of HTTP", ("security",)), String(10))
    route: Mapped[str] = column(
        metadata_of(Whose.USER, "what was asked for, without ids", ("security",)), String(120)
    )
    status: Mapped[int] = column(
        metadata_of(Whose.USER, "the status that was answered", ("security",)), SmallInteger
    )
    times: Mapped[int] = column(metadata_of(Whose.USER, "how often in that minute", ("security",)), Integer)
    address_tag: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of the network address, to find what came from the same"),
        LargeBinary,
    )
    day_id: Mapped[UUID] = column(nothing("whose key seals the address: that of the day"))
    address: Mapped[bytes] = column(
        personal(
            Category.DEVICE,
            Whose.USER,
            "the network address",
            purposes=("security",),
            ground="law",
            person="day_id",
        ),
        Sealed(),
    )


class AccessLogPulse(Row):
    """That a server's log is alive: when it was last written, and how many entries could not be kept. Gone once it has stopped."""

    __tablename__ = "access_log_pulse"
    __keep__ = Keep(days=1, promise="keep.active", anchor="at")

    node: Mapped[UUID] = column(nothing("the process"), primary_key=True)
    at: Mapped[datetime] = column(nothing("when it last wrote everything that it had"))
    since: Mapped[datetime] = column(nothing("when it began"))
    lost: Mapped[int] = column(nothing("calls it had no room for since then"), Integer)
