"""Usage and cost: how much was asked and what it cost, by day, model and key, with the newest requests below."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from callmissed import billing
from callmissed.dashboard import request_log, spending
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.http import Router, TenantTx, permits

router = Router(tags=["usage"])

SHOWN = 10
"""The newest requests; all of them stand in the log."""


@router.get("/app/usage", access=permits("usage.read"))
async def usage(request: Request, tx: TenantTx, choice: Annotated[request_log.Choice, Query()]) -> Response:
    """Figures, chart, shares and the newest requests; with `request` the drawer is open. Raises UsageNotFound."""
    wanted = choice.filter()
    report = await billing.usage_report(tx, wanted, SHOWN, choice.by)
    held = await request_log.shown(tx, choice, report.rows)
    called = held["names"].of if choice.by == "key" else str
    return await workspace_page(
        request,
        tx,
        "dashboard/usage/usage.html",
        active="usage",
        **held,
        spans=request_log.SPANS,
        wanted=wanted,
        report=report,
        figures=report.figures,
        chart=spending.CostChart(report, wanted.since, wanted.until, called),
        called=called,
        may_make_keys=bool(tx.access and tx.access.may("keys.write")),
    )
