"""Who calls, usage, wallet and the audit log, for programs."""

from collections import Counter
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callmissed.billing import UsageFilter, purse, requests, usage_report, used
from callmissed.dashboard.audit_words import say
from callmissed.dashboard.management.answers import Cursor, Limit, Page, after, answer, page_of
from callmissed.dashboard.management.problems import PeriodUnusable
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import (
    DayOfUsage,
    Event,
    Me,
    PromptContent,
    UsageRecord,
    UsageSummary,
    Wallet,
)
from callmissed.foundation import audit, clock
from callmissed.foundation.audit import AuditLeaf, Wanted
from callmissed.foundation.http import TenantTx, services
from callmissed.foundation.problems import NotFound
from callmissed.foundation.tenancy import Access
from callmissed.gateway import read_content
from callmissed.identity import workspace

router = Api("figures")

LONGEST = timedelta(days=92)
FIRST = date(2020, 1, 1)
Model = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")]
Seconds = Annotated[
    int | None, Query(ge=1, le=600, description="Only what took longer than so many seconds.")
]
Action = Annotated[str | None, Query(max_length=100, pattern=r"^[a-z_:]+$")]


@router.api("GET", "/me", None, gives=Me)
async def me(request: Request, tx: TenantTx) -> Response:
    """Who calls, in which workspace, with which permissions."""
    access: Access = request.state.access
    where = await workspace(tx)
    return answer(
        request,
        Me(
            tenant_id=where.tenant_id,
            workspace=where.name,
            plan=where.plan,
            caller=access.actor.kind,
            caller_id=access.actor.id,
            permissions=sorted(access.permissions),
        ),
    )


@router.api("GET", "/usage", "usage.read", gives=UsageSummary, problems=("period_unusable",))
async def usage(
    request: Request, tx: TenantTx, since: date | None = None, until: date | None = None
) -> Response:
    """Usage of a period of days of India, up to 92; the last 30 by default. `until` is not part of it."""
    begin, end = _period(since, until)
    report = await usage_report(tx, UsageFilter(_midnight(begin), _midnight(end)), 1)
    figures = report.figures
    days: Counter[tuple[date, str]] = Counter()
    for cost in report.costs:  # by the hour when the period is a day
        days[cost.began.astimezone(clock.IST).date(), cost.name] += cost.amount_micro
    return answer(
        request,
        UsageSummary(
            since=begin,
            until=end,
            spent_micro=figures.spent_micro,
            requests=figures.requests,
            failed=figures.failed,
            first_token_p95_ms=figures.first_token_p95_ms,
            by_day=[
                DayOfUsage(day=day, model=model, amount_micro=amount)
                for (day, model), amount in sorted(days.items())
            ],
        ),
    )


@router.api(
    "GET", "/requests", "usage.read", gives=Page[UsageRecord], problems=("period_unusable", "cursor_unusable")
)
async def request_log(
    request: Request,
    tx: TenantTx,
    since: date | None = None,
    until: date | None = None,
    model: Model = None,
    key_id: UUID | None = None,
    status: Literal["ok", "cancelled", "failed"] | None = None,
    slower: Seconds = None,
    cursor: Cursor = "",
    limit: Limit = 20,
) -> Response:
    """The requests of a period of days of India, as `/usage`, the newest first."""
    begin, end = _period(since, until)
    slower_ms = slower * 1000 if slower else None
    wanted = UsageFilter(_midnight(begin), _midnight(end), model, key_id, status, slower_ms)
    found = await requests(tx, wanted, limit + 1, after(cursor))
    documents = [UsageRecord.model_validate(each) for each in found]
    return answer(request, page_of(documents, [each.id for each in found], limit))


@router.api("GET", "/requests/{usage_id}", "usage.read", gives=UsageRecord, problems=("usage_not_found",))
async def one_request(request: Request, usage_id: UUID, tx: TenantTx) -> Response:
    """One request. Raises UsageNotFound."""
    return answer(request, UsageRecord.model_validate(await used(tx, usage_id)))


@router.api(
    "GET", "/requests/{usage_id}/content", "prompts.read", gives=PromptContent, problems=("prompt_not_kept",)
)
async def content(request: Request, usage_id: UUID, tx: TenantTx) -> Response:
    """What a request asked and was answered, where its key has that kept. Reading it is written to the audit log."""
    kept = await read_content(tx, usage_id)
    return answer(request, PromptContent.model_validate({"usage_id": usage_id, **asdict(kept)}))


@router.api("GET", "/wallet", "billing.read", gives=Wallet)
async def wallet(request: Request, tx: TenantTx) -> Response:
    """What the wallet holds, in micro-rupees."""
    held = await purse(tx)
    document = Wallet(
        balance_micro=held.balance_micro, held_micro=held.held_micro, available_micro=held.available_micro
    )
    return answer(request, document)


@router.api("GET", "/audit", "audit.read", gives=Page[Event], problems=("cursor_unusable",))
async def events(
    request: Request,
    tx: TenantTx,
    action: Action = None,
    actor_id: UUID | None = None,
    cursor: Cursor = "",
    limit: Limit = 20,
) -> Response:
    """The audit log, the newest first."""
    found = await audit.search(
        tx, Wanted(action=action, actor_id=actor_id), before=after(cursor), limit=limit + 1
    )
    return answer(request, page_of([_event(each) for each in found], [each.id for each in found], limit))


@router.api("GET", "/audit/{leaf_id}", "audit.read", gives=Event)
async def event(request: Request, tx: TenantTx, leaf_id: UUID) -> Response:
    """One line of the audit log."""
    found = await audit.leaf(tx, leaf_id)
    if found is None:
        raise NotFound
    return answer(request, _event(found))


@router.api("GET", "/audit/{leaf_id}/proof", "audit.read", gives=dict)
async def proof(request: Request, leaf_id: UUID) -> Response:
    """The parts from which anybody verifies one line; 404 until it is sealed, which takes up to a minute."""
    access: Access = request.state.access
    parts = await audit.proof_of(services(request).db, access.tenant_id, leaf_id)
    if parts is None:
        raise NotFound
    return JSONResponse(parts)


def _event(leaf: AuditLeaf) -> Event:
    return Event(
        id=leaf.id,
        at=leaf.created_at,
        actor_kind=leaf.actor_kind,
        actor_id=leaf.actor_id,
        action=leaf.action,
        what=say(leaf.action, leaf.body),
        target_id=leaf.target_id,
        body=leaf.body,
    )


def _period(since: date | None, until: date | None) -> tuple[date, date]:
    """The first day, and the day after the last; the last 30 days by default. Raises PeriodUnusable."""
    end = until or clock.today() + timedelta(days=1)
    begin = since or max(FIRST, end - timedelta(days=30)) if end > FIRST else FIRST
    if not FIRST <= begin < end or end - begin > LONGEST or end.year > 2100:
        raise PeriodUnusable
    return begin, end


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, clock.IST)
