"""Tables as files: CSV (RFC 4180) that programs read as it is and spreadsheets open without running anything in it."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from decimal import Decimal

from starlette.responses import StreamingResponse

from callmissed.foundation import clock
from callmissed.foundation.money import RUPEE

Cell = str | int | Decimal | None

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Opens the file, so that spreadsheets read it as UTF-8."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A text that begins so would be run by a spreadsheet (OWASP, CSV injection); an apostrophe before it makes it a text."""


def inr(micro: int) -> Decimal:
    """Micro-rupees as rupees with all six decimals."""
    return (Decimal(micro) / RUPEE).quantize(Decimal("0.000001"))


def ist(moment: datetime) -> str:
    """A moment on the Indian clock, to the millisecond (ISO 8601)."""
    return moment.astimezone(clock.IST).isoformat(timespec="milliseconds")


def row(cells: Iterable[Cell]) -> str:
    """One line of the file. Texts are made safe; numbers are written as they are, a minus included."""
    line = io.StringIO()
    csv.writer(line).writerow([_written(cell) for cell in cells])
    return line.getvalue()


def sheet(name: str, lines: AsyncIterator[str]) -> StreamingResponse:
    """A reply that is saved as a file under this name, with an .csv added."""
    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _written(cell: Cell) -> str:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA) else cell
    return "" if cell is None else f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
