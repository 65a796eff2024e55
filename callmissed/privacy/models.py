"""Tables of the privacy room: what the checks of the promises found, now and day by day, and the policy's versions."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Integer, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from callmissed.foundation.audit import append_only
from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    Whose,
    column,
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
    __table_args__ = (UniqueConstraint("number"),)

    number: Mapped[int] = column(nothing("version number, from 1"), Integer)
    digest: Mapped[str] = column(nothing("SHA-256 of the policy's text and data map"), String(64))
    text: Mapped[dict[str, Any]] = column(
        nothing("sentences, data map and published facts, line by line"), JSONB
    )
    effective_at: Mapped[datetime] = column(nothing("from when it applies"))
    summary: Mapped[str] = column(nothing("what changed, in plain words"), String(1000))


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
