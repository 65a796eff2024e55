"""How a workspace's members sign in: whether a second factor is asked, and which e-mail domains go to a provider."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, current_access, permits, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.identity import ways_in

router = Router(tags=["account"])

RULES = "/app/sign-in-rules"

Typed = Annotated[str, Form()]


@router.get(RULES, access=permits("tenant.write"))
async def shown(request: Request, tx: TenantTx) -> Response:
    """The rules and the domains."""
    return await _page(request, tx)


@router.post(RULES, access=permits("tenant.write", fresh=True))
async def require(tx: TenantTx, second_factor: Typed = "") -> Response:
    """Ask for a second factor from every member, or stop asking."""
    await ways_in.domains.require_second_factor(tx, wanted=second_factor == "on")
    return RedirectResponse(RULES, 303)


@router.post(f"{RULES}/domains", access=permits("tenant.write", fresh=True))
async def add(request: Request, tx: TenantTx, domain: Typed = "", provider: Typed = "") -> Response:
    """Name a domain and the provider its people use. Raises ProviderUnknown."""
    known = services(request).get(ways_in.Providers).provider(provider).settings.name
    try:
        await ways_in.domains.add_domain(tx, domain, known)
    except Problem as problem:
        return await _page(request, tx, problem=problem, domain=domain)
    return RedirectResponse(RULES, 303)


@router.post(f"{RULES}/domains/{{domain_id}}/check", access=permits("tenant.write", fresh=True))
async def check(request: Request, domain_id: UUID) -> Response:
    """Look for a domain's record, between two transactions. Raises DomainNotFound."""
    held, access = services(request), current_access(request)
    async with held.db.tenant(access) as tx:
        card = await ways_in.domains.domain_to_prove(tx, domain_id)
    found = await held.get(ways_in.TxtRecords).texts(card.record_name)
    problem = await ways_in.domains.prove_domain(held.db, access, domain_id, found)
    if problem is not None:
        async with held.db.tenant(access) as tx:
            return await _page(request, tx, problem=problem, of=domain_id)
    return RedirectResponse(RULES, 303)


@router.post(f"{RULES}/domains/{{domain_id}}/remove", access=permits("tenant.write", fresh=True))
async def remove(tx: TenantTx, domain_id: UUID) -> Response:
    """Stop sending a domain's people to the provider. Raises DomainNotFound."""
    await ways_in.domains.remove_domain(tx, domain_id)
    return RedirectResponse(RULES, 303)


async def _page(
    request: Request,
    tx: Tx,
    *,
    problem: Problem | None = None,
    domain: str = "",
    of: UUID | None = None,
) -> Response:
    if problem is not None and not wants_page(request):
        raise problem
    providers = services(request).get(ways_in.Providers)
    return await workspace_page(
        request,
        tx,
        "dashboard/account/sign_in_rules.html",
        active="account",
        status_code=problem.status if problem else 200,
        problem=problem,
        of=of,
        domain=domain,
        domains=await ways_in.domains.list_domains(tx),
        required=await ways_in.entrance.asks_for_more(tx, tx.tenant_id),
        providers=providers,
        choices=[(each.name, each.title) for each in providers.all()],
    )
