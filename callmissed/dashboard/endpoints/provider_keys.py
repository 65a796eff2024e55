"""Provider keys: the suppliers that take keys of the workspace's own, bringing one, checking it, taking it out.

A supplier is asked between transactions, never inside one. What was typed as a key is in no reply.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard import shelves
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, current_access, permits, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.gateway import Upstreams, provider_keys

router = Router(tags=["keys"])

HOME = "/app/keys/providers"
Line = Annotated[str, Form(max_length=1_000)]


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, but for the key."""

    upstream: str = ""
    contract: str = ""
    contract_on: str = ""
    excludes_training: bool = False
    falls_back: bool = False


NOTHING = Typed()


def wish_of(
    upstream: Line = "",
    secret: Line = "",
    contract: Line = "",
    contract_on: Line = "",
    excludes_training: Line = "",
    falls_back: Line = "",
) -> provider_keys.Wish:
    """Read the form."""
    try:
        on = date.fromisoformat(contract_on)
    except ValueError:
        on = None
    return provider_keys.Wish(upstream, secret, contract, on, excludes_training == "on", falls_back == "on")


@router.get(HOME, access=permits("keys.read"))
async def listed(request: Request, tx: TenantTx, remove: UUID | None = None, saved: bool = False) -> Response:
    """The suppliers that take keys; with `remove` the question about one of the keys."""
    return await _page(request, tx, remove=remove, saved=saved)


@router.get(f"{HOME}/bring", access=permits("keys.write", fresh=True))
async def drawer(request: Request, tx: TenantTx, upstream: str = "") -> Response:
    """The same with the drawer of a supplier open. Whoever opens it has shown that it is them, so that a key is typed but once."""
    return await _page(request, tx, typed=Typed(upstream))


@router.post(HOME, access=permits("keys.write", fresh=True))
async def bring(request: Request, wish: Annotated[provider_keys.Wish, Depends(wish_of)]) -> Response:
    """Keep a key that its supplier accepts. Raises the Problems of `provider_keys.prove`."""
    access, held = current_access(request), services(request)
    try:
        proven = await provider_keys.prove(held, access, wish)
    except Problem as problem:
        if not wants_page(request):
            raise
        on = wish.contract_on.isoformat() if wish.contract_on else ""
        typed = Typed(wish.upstream, wish.contract, on, wish.excludes_training, wish.falls_back)
        async with held.db.tenant(access) as tx:
            return await _page(request, tx, typed=typed, problem=problem)
    async with held.db.tenant(access) as tx:
        await provider_keys.bring(tx, proven)
    return RedirectResponse(f"{HOME}?saved=1", 303)


@router.post(HOME + "/{provider_key_id}/check", access=permits("keys.write"))
async def check(request: Request, provider_key_id: UUID) -> Response:
    """Ask the supplier whether it accepts a key now. Raises the Problems of `provider_keys.ask_again`."""
    access, held = current_access(request), services(request)
    accepted = await provider_keys.ask_again(held, access, provider_key_id)
    async with held.db.tenant(access) as tx:
        await provider_keys.note(tx, provider_key_id, accepted=accepted)
    return RedirectResponse(HOME, 303)


@router.post(HOME + "/{provider_key_id}/remove", access=permits("keys.write"))
async def remove(provider_key_id: UUID, tx: TenantTx) -> Response:
    """Take a key out; it is used no more within a second. Raises OwnKeyNotFound."""
    await provider_keys.take_out(tx, provider_key_id)
    return RedirectResponse(HOME, 303)


async def _page(
    request: Request,
    tx: Tx,
    *,
    typed: Typed = NOTHING,
    remove: UUID | None = None,
    saved: bool = False,
    problem: Problem | None = None,
) -> Response:
    takers = services(request).get(Upstreams).takers()
    found = {card.upstream: card for card in await provider_keys.cards(tx)}
    names = {taker.name for taker in takers}
    reply = await workspace_page(
        request,
        tx,
        "dashboard/keys/providers.html",
        active="keys",
        status_code=problem.status if problem else 200,
        takers=takers,
        found=found,
        lost=[card for name, card in found.items() if name not in names],
        to_bring=next((taker for taker in takers if taker.name == typed.upstream), None),
        to_remove=next((card for card in found.values() if card.id == remove), None),
        typed=typed,
        problem=problem,
        saved=saved,
        today=clock.today().isoformat(),
        place=shelves.place,
        may_write=tx.access is not None and tx.access.may("keys.write"),
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply
