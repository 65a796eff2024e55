"""Usage and cost: what was asked, how long it took, what it cost, down to one request."""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callmissed import billing, bots, identity
from callmissed.dashboard import sheets, spending
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, services
from callmissed.foundation.problems import Problem

router = Router(tags=["usage"])

SPANS = (1, 7, 30, 90)
"""Days that can be chosen with one click; any other number up to 90 works in the address."""
USUAL_DAYS = 30
SHOWN = 50
AT_ONCE = 1000
"""Rows of a file that are fetched in one transaction."""

COLUMNS = (
    "time_ist", "request_id", "model", "upstream", "region", "endpoint", "key", "bot", "tokens_in", "tokens_out",
    "counted_by", "first_token_ms", "total_ms", "status", "http_status", "problem", "inr_per_10_lakh_in",
    "inr_per_10_lakh_out", "cost_inr",
)  # fmt: skip


class Choice(BaseModel):
    """What of the usage is looked at: the last so many days, and optionally one model, key or outcome.

    `request` is opened in the drawer; `before` turns to the rows older than it.
    """

    days: int = Field(USUAL_DAYS, ge=1, le=90)
    model: str | None = Field(None, max_length=100, pattern="^[^\\x00]*$")
    key: UUID | None = None
    status: Literal["ok", "cancelled", "failed"] | None = None
    request: UUID | None = None
    before: UUID | None = None

    def link(self, path: str = "/app/usage", **changes: object) -> str:
        """The address of this choice, changed; without an opened request or a turned page unless they are named."""
        held = self.model_dump(exclude={"request", "before"}) | changes
        query = {name: value for name, value in held.items() if value is not None}
        if query["days"] == USUAL_DAYS:
            del query["days"]
        return path + ("?" + urlencode(query) if query else "")

    @property
    def is_narrowed(self) -> bool:
        """Whether less than the whole span is looked at."""
        return bool(self.model or self.key or self.status)

    def filter(self) -> billing.UsageFilter:
        """The same for billing, until now."""
        return billing.UsageFilter(
            *billing.usage_span(self.days), model=self.model, key_id=self.key, status=self.status
        )


Chosen = Annotated[Choice, Query()]


@router.get("/app/usage", access=permits("usage.read"))
async def usage(request: Request, tx: TenantTx, choice: Chosen) -> Response:
    """Figures, chart and requests; with `request` the drawer is open. Raises UsageNotFound."""
    wanted = choice.filter()
    opened = await billing.used(tx, choice.request) if choice.request else None
    report = await billing.usage_report(tx, wanted, SHOWN + 1, choice.before)
    rows = report.rows[:SHOWN]
    above, below = spending.neighbours(rows, opened)
    return await workspace_page(
        request,
        tx,
        "dashboard/usage/usage.html",
        active="usage",
        choice=choice,
        spans=SPANS,
        wanted=wanted,
        report=report,
        figures=report.figures,
        rows=rows,
        older=rows[-1].id if len(report.rows) > SHOWN else None,
        chart=spending.CostChart(report, wanted.since, wanted.until),
        keys=await key_names(tx),
        bots=await bot_names(tx),
        opened=opened,
        above=above,
        below=below,
        spending=spending,
        wrong=Problem.catalogue.get(opened.problem or "") if opened else None,
        may_make_keys=bool(tx.access and tx.access.may("keys.write")),
        may_see_inbox=bool(tx.access and tx.access.may("inbox.read")),
    )


@router.get("/app/usage/newest", access=permits("usage.read"))
async def newest(tx: TenantTx, choice: Chosen) -> Response:
    """The newest request of a choice: how an open page learns, at little cost, whether there is anything new."""
    found = await billing.requests(tx, choice.filter(), 1)
    return JSONResponse({"newest": str(found[0].id) if found else ""}, headers={"cache-control": "no-store"})


@router.get("/app/usage/requests.csv", access=permits("usage.read"))
async def download(request: Request, tx: TenantTx, choice: Chosen) -> Response:
    """Every request of a choice as a file, newest first. It is fetched in parts, so its size does not matter."""
    wanted, keys, called = choice.filter(), await key_names(tx), await bot_names(tx)

    async def lines() -> AsyncGenerator[str]:
        yield sheets.MARK + sheets.row(COLUMNS)
        last: UUID | None = None
        while True:
            async with services(request).db.tenant(request.state.access) as part:
                rows = await billing.requests(part, wanted, AT_ONCE, last)
            for row in rows:
                yield _line(row, keys, called)
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].id

    return sheets.sheet(f"usage-{wanted.since:%Y-%m-%d}-to-{wanted.until:%Y-%m-%d}", lines())


async def key_names(tx: Tx) -> dict[UUID, str]:
    """What the workspace's keys are called, revoked ones too."""
    return {card.id: card.name for card in await identity.list_keys(tx)}


async def bot_names(tx: Tx) -> dict[UUID, str]:
    """What the workspace's bots are called."""
    return {bot.id: bot.name for bot in await bots.list_bots(tx)}


def _line(row: billing.Used, keys: Mapping[UUID, str], called: Mapping[UUID, str]) -> str:
    key = keys.get(row.key_id, str(row.key_id)) if row.key_id else None
    bot = called.get(row.bot_id, str(row.bot_id)) if row.bot_id else None
    cells = (
        sheets.ist(row.at), str(row.id), row.model, row.upstream, row.region, row.endpoint, key, bot, row.tokens_in,
        row.tokens_out, row.counted_by, row.first_token_ms, row.latency_ms, row.status, row.http_status, row.problem,
        sheets.inr(row.price_in_micro), sheets.inr(row.price_out_micro), sheets.inr(row.price_micro),
    )  # fmt: skip
    return sheets.row(cells)
