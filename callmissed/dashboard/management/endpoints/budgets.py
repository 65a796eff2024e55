"""What the workspace spends in a month, and what its end users cost, for programs."""

from typing import Annotated

from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response

from callmissed.billing import end_user_spending, month_budget, set_month_budget
from callmissed.dashboard.management.answers import answer
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import EndUserSpending, MonthBudget, NewMonthBudget
from callmissed.foundation import clock
from callmissed.foundation.http import TenantTx
from callmissed.foundation.money import micro
from callmissed.gateway import end_user_tag

router = Api("budgets")


@router.api("GET", "/budget", "billing.read", gives=MonthBudget)
async def read(request: Request, tx: TenantTx) -> Response:
    """The workspace's budget of the month."""
    return answer(request, await _shown(tx))


@router.api("PUT", "/budget", "billing.write", gives=MonthBudget)
async def change(request: Request, tx: TenantTx, body: NewMonthBudget) -> Response:
    """Set or lift it. It holds for every call of the workspace, with and without a key, from the next one on."""
    await set_month_budget(tx, micro(body.monthly_micro))
    return answer(request, await _shown(tx))


@router.api("GET", "/end-user-spending", "usage.read", gives=EndUserSpending, problems=("end_user_unusable",))
async def spending(
    request: Request, tx: TenantTx, x_end_user: Annotated[str, Header(max_length=2_000)] = ""
) -> Response:
    """What one end user has cost in this month. The header x-end-user says who: what people are called stands in no address."""
    spent = await end_user_spending(
        tx, end_user_tag(tx.vault.vault, tx.tenant_id, x_end_user.encode("latin-1"))
    )
    month_on = clock.today().replace(day=1)
    document = EndUserSpending(month_on=month_on, spent_micro=spent.spent_micro, held_micro=spent.held_micro)
    return answer(request, document)


async def _shown(tx: TenantTx) -> MonthBudget:
    found = await month_budget(tx)
    if found is None:
        return MonthBudget(monthly_micro=None, used_micro=None, left_micro=None)
    return MonthBudget(monthly_micro=found.micro, used_micro=found.used_micro, left_micro=found.left_micro)
