"""Limits and budgets: what each key may do a minute and spend a month, what of it is used, and what a program is told past it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from callmissed.billing import calls_this_month, key_spending, month_budget, plan_named, purse
from callmissed.dashboard.endpoints.playground import PER_MINUTE as TRIED_PER_MINUTE
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.management.router import PER_MINUTE as MANAGED_PER_MINUTE
from callmissed.foundation import clock
from callmissed.foundation.http import Router, TenantTx, openai_document, permits
from callmissed.foundation.problems import Problem
from callmissed.identity import keys, list_keys, workspace

router = Router(tags=["keys"])

TOLD = (
    "too_many_at_once", "too_much_at_once", "rate_limit_exceeded", "plan_used_up", "token_rate_limit_exceeded",
    "key_budget_exhausted", "end_user_budget_exceeded", "budget_exceeded", "insufficient_quota",
)  # fmt: skip
"""What a program is told past a limit, in the order in which limits are met."""
NEAR = 0.8
"""From this part of a budget on, a reader is warned."""
EXAMPLE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Held:
    """A key with its limits. `requests` are those that hold, its own or the plan's; money is in micro-rupees, of this month."""

    card: keys.KeyCard
    requests: int
    used: int

    @property
    def budget(self) -> int | None:
        """What it may spend in a month; None: what the wallet holds."""
        return self.card.limits.monthly_budget

    @property
    def left(self) -> int:
        """What of its budget is left; 0 without one."""
        return max(0, (self.budget or 0) - self.used)

    @property
    def is_near(self) -> bool:
        """Whether its budget is nearly used, or more."""
        return self.budget is not None and self.used >= NEAR * self.budget


def example(problem: type[Problem]) -> str:
    """A refusal as it stands on the wire."""
    retry = f"Retry-After: {EXAMPLE_SECONDS}\n" if problem.status == 429 else ""
    body = json.dumps(openai_document(problem()), indent=2, ensure_ascii=False)
    return f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\n{retry}Content-Type: application/json\n\n{body}"


@router.get("/app/keys/limits", access=permits("keys.read"))
async def limits(request: Request, tx: TenantTx) -> Response:
    """The working keys with what is used and left, and what refusals look like. Keys are changed where keys are."""
    spending = await key_spending(tx)
    on_plan = plan_named((await workspace(tx)).plan)
    plan = on_plan.requests_per_minute
    held: list[Held] = []
    for card in await list_keys(tx):
        spent = spending.get(card.id)
        used = spent.spent_micro + spent.held_micro if spent else 0
        if card.state == "working":
            held.append(Held(card, min(card.limits.requests_per_minute or plan, plan), used))
    may = tx.access.may if tx.access else bool
    today = clock.today()
    return await workspace_page(
        request,
        tx,
        "dashboard/keys/limits.html",
        active="keys",
        held=held,
        spent=sum(each.spent_micro for each in spending.values()),
        wallet=await purse(tx) if may("billing.read") else None,
        plan=plan,
        most_calls=on_plan.calls,
        calls=await calls_this_month(tx),
        anew=(today.replace(day=1) + timedelta(days=32)).replace(day=1),
        told=[Problem.catalogue[code] for code in TOLD],
        example=example,
        tried_per_minute=TRIED_PER_MINUTE,
        managed_per_minute=MANAGED_PER_MINUTE,
        may_write=may("keys.write"),
        budget=await month_budget(tx) if may("billing.read") else None,
    )
