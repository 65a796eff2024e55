"""API keys: the list, making one, changing what it may do, giving it a new secret, and stopping it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.billing import DEFAULT_PLAN, key_spending
from callmissed.bots import bot_by_id, list_bots
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.key_forms import KeyForm, form_of, key_form
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, wants_page
from callmissed.foundation.problems import Problem
from callmissed.gateway import cached_answers, empty_cache, follow_switch
from callmissed.identity import (
    KEY_OPTIONS,
    KEY_SCOPES,
    KEY_SERVICES,
    create_key,
    keys,
    list_keys,
    revoke_key,
    rotation,
    service_accounts,
)

router = Router(tags=["keys"])

LIFETIMES = (30, 90, 365)
"""Days a key can be made to last; 0 in the form means until it is revoked."""

OVERLAPS = (0, 1, 3, 7)
"""Days the old secret can work on after a rotation."""


@router.get("/app/keys", access=permits("keys.read"))
async def listed(
    request: Request,
    tx: TenantTx,
    new: bool = False,
    edit: UUID | None = None,
    rotate: UUID | None = None,
    revoke: UUID | None = None,
) -> Response:
    """The workspace's keys; with `new` or `edit` the drawer is open, with `rotate` or `revoke` the question about that key."""
    return await _page(request, tx, drawer=new, edit=edit, rotate=rotate, revoke=revoke)


@router.post("/app/keys", access=permits("keys.write", fresh=True))
async def create(request: Request, tx: TenantTx, form: Annotated[KeyForm, Depends(key_form)]) -> Response:
    """Make a key and show it, this one time: the secret is in this reply and nowhere else."""
    try:
        await _look_up(tx, form)
        made = await create_key(
            tx,
            form.name,
            permissions=form.allowed,
            scopes=form.scopes,
            limits=form.limits(),
            options=form.options,
            log_days=form.log_days,
            bot_id=form.bot,
            days=form.days or None,
            service_account_id=form.owner,
        )
    except Problem as problem:
        if not wants_page(request):
            raise
        return await _page(request, tx, drawer=True, problem=problem, form=form)
    return await _page(request, tx, made=made)


@router.post("/app/keys/{key_id}/change", access=permits("keys.write", fresh=True))
async def change(
    request: Request, key_id: UUID, tx: TenantTx, form: Annotated[KeyForm, Depends(key_form)]
) -> Response:
    """Change what a key may do and how it is narrowed, everywhere within a second. Raises KeyNotFound."""
    try:
        await _look_up(tx, form)
        await keys.change_key(tx, key_id, form.wish())
        await follow_switch(tx, key_id)
    except Problem as problem:
        if problem.status == 404:
            raise
        return await _page(request, tx, edit=key_id, problem=problem, form=form)
    return RedirectResponse("/app/keys", 303)


@router.post("/app/keys/{key_id}/rotate", access=permits("keys.write", fresh=True))
async def rotate_secret(
    request: Request, key_id: UUID, tx: TenantTx, overlap: Annotated[int, Form(ge=0, le=7)] = 1
) -> Response:
    """Give a key a new secret and show it, this one time. Raises KeyNotFound and KeyNotWorking."""
    return await _page(request, tx, made=await rotation.rotate_key(tx, key_id, overlap))


@router.post("/app/keys/{key_id}/end-overlap", access=permits("keys.write"))
async def end_overlap(key_id: UUID, tx: TenantTx) -> Response:
    """Stop the former secrets of a key now. Raises KeyNotFound and KeyNotWorking."""
    await rotation.end_overlap(tx, key_id)
    return RedirectResponse("/app/keys", 303)


@router.post("/app/keys/{key_id}/revoke", access=permits("keys.write"))
async def revoke(key_id: UUID, tx: TenantTx) -> Response:
    """Stop a key; programs that use it are refused within a second. Raises KeyNotFound."""
    await revoke_key(tx, key_id)
    return RedirectResponse("/app/keys", 303)


@router.post("/app/keys/cache/empty", access=permits("cache.write"))
async def empty(tx: TenantTx) -> Response:
    """Forget every answer that the response cache has."""
    await empty_cache(tx)
    return RedirectResponse("/app/keys", 303)


async def _page(
    request: Request,
    tx: Tx,
    *,
    drawer: bool = False,
    problem: Problem | None = None,
    form: KeyForm | None = None,
    edit: UUID | None = None,
    rotate: UUID | None = None,
    revoke: UUID | None = None,
    made: keys.NewKey | None = None,
) -> Response:
    found = await list_keys(tx)
    working = {card.id: card for card in found if card.state == "working"}
    to_edit = working.get(edit) if edit else None
    may = tx.access.may if tx.access else _nothing
    reply = await workspace_page(
        request,
        tx,
        "dashboard/keys/list.html",
        active="keys",
        status_code=problem.status if problem else 200,
        keys=found,
        spending=await key_spending(tx),
        owners=await service_accounts.list_service_accounts(tx),
        to_edit=to_edit,
        to_rotate=working.get(rotate) if rotate else None,
        to_revoke=working.get(revoke) if revoke else None,
        drawer=drawer or to_edit is not None,
        problem=problem,
        form=form or (form_of(to_edit) if to_edit else KeyForm()),
        made=made,
        services=KEY_SERVICES,
        options=KEY_OPTIONS,
        bots=await list_bots(tx),
        scopes=[each for each in KEY_SCOPES if may(each) or (to_edit and each in to_edit.scopes)],
        lifetimes=LIFETIMES,
        overlaps=OVERLAPS,
        plan=DEFAULT_PLAN,
        may_write=may("keys.write"),
        cached=await cached_answers(tx),
        may_empty=may("cache.write"),
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply


async def _look_up(tx: Tx, form: KeyForm) -> None:
    """See that the bot is one of the workspace. Raises BotNotFound."""
    if form.bot is not None:
        await bot_by_id(tx, form.bot)


def _nothing(_: str) -> bool:
    return False
