"""The wallet: what is in it, how long that lasts, and the ledger that says where each paisa went."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed import billing
from callmissed.dashboard import sheets, spending
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.key_forms import typed_amount
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.identity import read_budget

router = Router(tags=["wallet"])

HOME = "/app/wallet"
SHOWN = 50
ALL = 5000
"""More lines than 30 days can have: 720 hours of usage, and credits."""
COLUMNS = ("time_ist", "entry_id", "kind", "reference", "amount_inr", "balance_inr")


@router.get(HOME, access=permits("billing.read"))
async def wallet(
    request: Request,
    tx: TenantTx,
    only: Annotated[billing.Only | None, Query()] = None,
    whole: Annotated[bool, Query()] = False,
    saved: bool = False,
) -> Response:
    """Balance, budget, chart and the ledger of the last 30 days; `whole` shows all its lines."""
    return await _page(request, tx, only=only, whole=whole, saved=saved)


@router.post(HOME, access=permits("billing.write"))
async def decide(
    request: Request, tx: TenantTx, budget: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Set what the workspace spends at most in a month, in rupees; empty lifts it. Raises BudgetUnusable."""
    try:
        await billing.set_month_budget(tx, read_budget(budget))
    except Problem as problem:
        if not wants_page(request):
            raise
        return await _page(request, tx, problem=problem, typed=budget)
    return RedirectResponse(f"{HOME}?saved=1#budget", 303)


async def _page(
    request: Request,
    tx: Tx,
    *,
    only: billing.Only | None = None,
    whole: bool = False,
    saved: bool = False,
    problem: Problem | None = None,
    typed: str | None = None,
) -> Response:
    budget = await billing.month_budget(tx)
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
        budget=budget,
        typed=typed_amount(budget.micro if budget else None) if typed is None else typed,
        saved=saved,
        problem=problem,
        may_write=tx.access is not None and tx.access.may("billing.write"),
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
