"""Tables of the privacy room: what the checks of the promises found, now and day by day, and the policy's versions."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Integer, String, UniqueConstraint, func, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from callmissed.foundation import clock
from callmissed.foundation.audit import append_only
from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)


class PromiseVerdict(ControlTable):
    """The latest finding of each promise's check, with its evidence."""

    __tablename__ = "promise_verdict"
    __keep__ = Keep(until="the promise is withdrawn", promise="change.date")
    __table_args__ = (UniqueConstraint("promise"),)

    promise: Mapped[str] = column(nothing("id of the promise"), String(60))
    verdict: Mapped[str] = column(nothing("kept, broken or unknown"), String(10))
    headline: Mapped[str] = column(nothing("the finding in one line, with places for figures"), String(400))
    figures: Mapped[dict[str, Any]] = column(nothing("the figures of the finding"), JSONB)
    evidence: Mapped[dict[str, Any]] = column(
        nothing("what was looked at, the query and what it found: counts, no persons"), JSONB
    )
    checked_at: Mapped[datetime] = column(nothing("when it was last checked"))
    since: Mapped[datetime] = column(nothing("since when the verdict is this one"))
    leaf_id: Mapped[UUID] = column(nothing("the leaf of the audit log that wrote this verdict down"))


class PromiseDay(ControlTable):
    """The worst verdict of a promise on one day in India: a dot of its year."""

    __tablename__ = "promise_day"
    __keep__ = Keep(days=400, promise="change.date", anchor="created_at")
    __table_args__ = (UniqueConstraint("promise", "day"),)

    promise: Mapped[str] = column(nothing("id of the promise"), String(60))
    day: Mapped[date] = column(nothing("the day, in India"), Date())
    verdict: Mapped[str] = column(nothing("the worst verdict of the day"), String(10))
    checks: Mapped[int] = column(nothing("how often it was checked that day"), Integer)


class PolicyVersion(ControlTable):
    """One version of the policy: everything it says, its fingerprint, and the day it takes effect."""

    __tablename__ = "policy_version"
    __keep__ = Keep(until="the installation ends", promise="change.date")
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("notice IN ('first', 'told', 'minor', 'law', 'laptop')", name="notice"),
        CheckConstraint("(notice = 'law') = (required_by IS NOT NULL)", name="required_by"),
    )

    number: Mapped[int] = column(nothing("version number, from 1"), Integer)
    digest: Mapped[str] = column(nothing("SHA-256 of the policy's text and data map"), String(64))
    text: Mapped[dict[str, Any]] = column(
        nothing("sentences, data map and published facts, line by line"), JSONB
    )
    published_at: Mapped[datetime] = column(
        nothing("when it was published"), default=clock.now, server_default=func.now()
    )
    notice: Mapped[str] = column(
        nothing("how people come to know: told 30 days before, or why it applies at once"),
        String(8),
        server_default=literal_column("'laptop'"),
    )
    required_by: Mapped[str | None] = column(
        nothing("the law that requires it at once, where one does"), String(300)
    )
    effective_at: Mapped[datetime | None] = column(
        nothing("from when it applies; unknown while people are being told")
    )
    summary: Mapped[str] = column(nothing("what changed, in plain words"), String(1000))


class PolicyReminder(ControlTable):
    """The reminder of one quarter: that everybody with an account was told again what applies (IT Rules 2021, rule 3(1)(c))."""

    __tablename__ = "policy_reminder"
    __keep__ = Keep(until="the installation ends", promise="change.notice")
    __table_args__ = (UniqueConstraint("quarter"),)

    quarter: Mapped[str] = column(nothing("the quarter, such as 2027-Q1"), String(7))
    ended_at: Mapped[datetime | None] = column(nothing("when nobody waited for a letter any more"))


class PolicyDelivery(ControlTable):
    """That one person was told of one version, or reminded in one quarter: by e-mail, or by the console where no e-mail reaches them."""

    __tablename__ = "policy_delivery"
    __keep__ = Keep(days=400, promise="change.notice", anchor="created_at")
    __table_args__ = (
        UniqueConstraint("version_id", "person_id"),
        CheckConstraint("way IN ('queued', 'email', 'console')", name="way"),
        CheckConstraint("(way = 'queued') = (delivered_at IS NULL)", name="delivered"),
    )

    version_id: Mapped[UUID] = column(nothing("the version, or the reminder"))
    person_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who was told"))
    letter_id: Mapped[UUID] = column(nothing("the letter"))
    way: Mapped[str] = column(nothing("how it reached them"), String(8))
    delivered_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when it reached them", ("legal",))
    )


class StoreCanary(ControlTable):
    """Words of an invented person, sealed like anybody's. If they are readable on disk, so is everybody."""

    __tablename__ = "store_canary"
    __keep__ = Keep(until="the installation ends", promise="safe.rest")

    person_id: Mapped[UUID] = column(pseudonym(Whose.USER, "the invented person"))
    words: Mapped[bytes] = column(
        personal(
            Category.CONTENT,
            Whose.USER,
            "words of an invented person, to look for on disk",
            purposes=("security",),
            person="person_id",
        ),
        Sealed(),
    )


class FindingAcceptance(ControlTable):
    """That somebody answers for a difference between the policy and the law, by name and with a reason.

    It holds for the finding as it was: when policy or law change, `digest` is another and the finding is open again.
    """

    __tablename__ = "finding_acceptance"
    __keep__ = Keep(until="the installation ends", promise="change.date")
    __append_only__ = True
    __sql__ = append_only("finding_acceptance")
    __table_args__ = (UniqueConstraint("finding", "digest"),)

    finding: Mapped[str] = column(nothing("id of the finding"), String(40))
    digest: Mapped[str] = column(nothing("stands for the finding as it was accepted"), String(16))
    person_id: Mapped[UUID] = column(
        pseudonym(Whose.USER, "who answers for it: staff, or somebody at the terminal")
    )
    name: Mapped[bytes] = column(
        personal(
            Category.CONTENT,
            Whose.USER,
            "the name under which they answer for it",
            purposes=("legal",),
            ground="law",
            person="person_id",
        ),
        Sealed(),
    )
    reason: Mapped[str] = column(nothing("why it is accepted, in their words"), String(500))
