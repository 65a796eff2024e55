"""The table of reports. It is of the installation: a supplier knows nothing of tenants."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, String
from sqlalchemy.orm import Mapped

from callmissed.foundation import clock
from callmissed.foundation.datamap import Keep, Row, column, nothing

KEPT_DAYS = 366


class SupplierReport(Row):
    """What was counted of one model on one day (UTC), by us and by its supplier; of an empty `model`, how asking for that day stands.

    A figure of theirs is empty where they do not tell it.
    """

    __tablename__ = "supplier_report"
    __keep__ = Keep(days=KEPT_DAYS, promise="use.plan", anchor="at")

    day_on: Mapped[date] = column(nothing("the day, in UTC"), Date, primary_key=True)
    upstream: Mapped[str] = column(nothing("the supplier, by its name here"), String(60), primary_key=True)
    model: Mapped[str] = column(
        nothing("the model, by the supplier's name for it"), String(100), primary_key=True
    )
    state: Mapped[str] = column(nothing("asked, told or failed"), String(8))
    problem: Mapped[str | None] = column(nothing("why asking failed"), String(60), nullable=True)
    ours_requests: Mapped[int] = column(nothing("requests that were metered"), BigInteger, default=0)
    ours_in: Mapped[int] = column(nothing("tokens read that were metered"), BigInteger, default=0)
    ours_out: Mapped[int] = column(nothing("tokens written that were metered"), BigInteger, default=0)
    theirs_requests: Mapped[int | None] = column(
        nothing("requests the supplier counted"), BigInteger, nullable=True
    )
    theirs_in: Mapped[int | None] = column(nothing("tokens read, by the supplier"), BigInteger, nullable=True)
    theirs_out: Mapped[int | None] = column(
        nothing("tokens written, by the supplier"), BigInteger, nullable=True
    )
    at: Mapped[datetime] = column(nothing("when this was written"), default=clock.now)
