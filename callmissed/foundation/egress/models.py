"""Two tables of the installation: where data may go, and where connections went. No person is in either."""

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import Keep, Row, column, nothing

KEPT_DAYS = 90
"""Contacts are kept as long as records of usage, which they explain (Policy §5)."""


class EgressDestination(Row):
    """A destination that was declared: by the operator's settings, or by whoever `declared_by` names.

    It outlives the last contact that it explains.
    """

    __tablename__ = "egress_destination"
    __keep__ = Keep(days=KEPT_DAYS + 30, promise="content.no-sale", anchor="last_at")

    name: Mapped[str] = column(nothing("what the settings call it"), String(80), primary_key=True)
    host: Mapped[str] = column(
        nothing("its name or address; empty inside the process"), String(253), primary_key=True
    )
    port: Mapped[int] = column(nothing("the port"), Integer, primary_key=True)
    purpose: Mapped[str] = column(nothing("what it is for"), String(80))
    categories: Mapped[str] = column(
        nothing("kinds of data it may get, by their words in the data map"), String(200)
    )
    region: Mapped[str] = column(nothing("the country it is in, ?? where nobody knows"), String(10))
    declared_by: Mapped[str] = column(nothing("the settings, or who else named it"), String(120))
    since: Mapped[datetime] = column(nothing("when it was declared first"))
    last_at: Mapped[datetime] = column(nothing("when a process last had it among its own"))


class EgressContact(Row):
    """How often connections were made to one destination on one day, and how often one was refused."""

    __tablename__ = "egress_contact"
    __keep__ = Keep(days=KEPT_DAYS, promise="content.no-sale", anchor="at")

    at: Mapped[datetime] = column(nothing("the day, at midnight in UTC"), primary_key=True)
    host: Mapped[str] = column(nothing("its name or address"), String(253), primary_key=True)
    port: Mapped[int] = column(nothing("the port"), Integer, primary_key=True)
    contacts: Mapped[int] = column(nothing("connections that were let go there"), Integer)
    refused: Mapped[int] = column(
        nothing("connections that were not, because nobody had declared it"), Integer
    )
