"""The wallet: what is in it, how long that lasts, and the ledger that says where each paisa went."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from callmissed import billing
from callmissed.dashboard import sheets, spending
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation import clock
from callmissed.foundation.http import Router, TenantTx, permits, services

router = Router(tags=["wallet"])

SHOWN = 50
ALL = 5000
"""More lines than 30 days can have: 720 hours of usage, and credits."""
COLUMNS = ("time_ist", "entry_id", "kind", "reference", "amount_inr", "balance_inr")


@router.get("/app/wallet", access=permits("billing.read"))
async def wallet(
    request: Request,
    tx: TenantTx,
    only: Annotated[billing.Only | None, Query()] = None,
    whole: Annotated[bool, Query()] = False,
) -> Response:
    """Balance, chart and the ledger of the last 30 days; `whole` shows all its lines."""
    told = await billing.statement(tx, ALL if whole else SHOWN + 1, only)
    return await workspace_page(
        request,
        tx,
        "dashboard/wallet/wallet.html",
        active="wallet",
        told=told,
        lines=told.lines if whole else told.lines[:SHOWN],
        has_more=not whole and len(told.lines) > SHOWN,
        only=only,
        pace=spending.pace(told),
        chart=spending.BalanceChart(told),
        tenant_id=tx.tenant_id,
        now=clock.now(),
    )


@router.get("/app/wallet/ledger.csv", access=permits("billing.read"))
async def download(request: Request) -> Response:
    """The whole ledger as a file, entry by entry, oldest first: its amounts sum to the balance."""

    async def lines() -> AsyncGenerator[str]:
        yield sheets.MARK + sheets.row(COLUMNS)
        last: billing.Entry | None = None
        balance = 0
        while True:
            async with services(request).db.tenant(request.state.access) as tx:
                part = await billing.entries(tx, last)
            for entry in part:
                balance += entry.amount_micro
                amount, left = sheets.inr(entry.amount_micro), sheets.inr(balance)
                cells = (sheets.ist(entry.at), str(entry.id), entry.kind, str(entry.ref), amount, left)
                yield sheets.row(cells)
            if not part:
                return
            last = part[-1]

    return sheets.sheet(f"ledger-until-{clock.now().astimezone(clock.IST):%Y-%m-%d-%H%M}", lines())
