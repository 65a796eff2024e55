"""Tables of the privacy room: what the checks of the promises found, now and day by day."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import ControlTable, Keep, column, nothing


class PromiseVerdict(ControlTable):
    """The latest finding of each promise's check, with its evidence."""

    __tablename__ = "promise_verdict"
    __keep__ = Keep(until="the promise is withdrawn", promise="change.date")
    __table_args__ = (UniqueConstraint("promise"),)

    promise: Mapped[str] = column(nothing("id of the promise"), String(60))
    verdict: Mapped[str] = column(nothing("kept, broken or unknown"), String(10))
    headline: Mapped[str] = column(nothing("the finding in one line"), String(400))
    evidence: Mapped[dict[str, Any]] = column(nothing("figures, query and what it found: counts, no persons"), JSONB)
    checked_at: Mapped[datetime] = column(nothing("when it was last checked"))
    since: Mapped[datetime] = column(nothing("since when the verdict is this one"))


class PromiseDay(ControlTable):
    """The worst verdict of a promise on one day (IST): a dot of its year."""

    __tablename__ = "promise_day"
    __keep__ = Keep(days=400, promise="change.date", anchor="created_at")
    __table_args__ = (UniqueConstraint("promise", "day"),)

    promise: Mapped[str] = column(nothing("id of the promise"), String(60))
    day: Mapped[date] = column(nothing("the day, in India"), Date())
    verdict: Mapped[str] = column(nothing("the worst verdict of the day"), String(10))
    checks: Mapped[int] = column(nothing("how often it was checked that day"))


class PolicyVersion(ControlTable):
    """One version of the policy: the hash of its sentences and map, and the day it takes effect."""

    __tablename__ = "policy_version"
    __keep__ = Keep(until="the installation ends", promise="change.date")
    __table_args__ = (UniqueConstraint("number"),)

    number: Mapped[int] = column(nothing("version number, from 1"))
    digest: Mapped[str] = column(nothing("SHA-256 of the policy's text and data map"), String(64))
    effective_at: Mapped[datetime] = column(nothing("from when it applies"))
    summary: Mapped[str] = column(nothing("what changed, in plain words"), String(1000))
