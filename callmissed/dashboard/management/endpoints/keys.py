"""API keys, for programs."""

from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.bots import bot_by_id
from callmissed.dashboard.management.answers import Cursor, Limit, Page, answer, cut, once, page_of
from callmissed.dashboard.management.key_shapes import Key, KeyDraft, NewKey, Rotation
from callmissed.dashboard.management.router import Api
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx
from callmissed.foundation.money import micro
from callmissed.foundation.problems import NotFound
from callmissed.gateway import empty_cache, follow_switch
from callmissed.identity import KeyLimits, create_key, keys, list_keys, revoke_key, rotation

router = Api("keys")

UNUSABLE = (
    "key_name_missing", "key_may_nothing", "key_scope_unusable", "key_rate_unusable",
    "key_option_unusable", "key_log_days_unusable", "key_budget_unusable",
    "key_models_unusable", "key_origins_unusable", "key_networks_unusable", "bot_not_found",
)  # fmt: skip


@router.api("GET", "/keys", "keys.read", gives=Page[Key], problems=("cursor_unusable",))
async def list_all(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Every key, the newest first, without secrets."""
    cards = await list_keys(tx)
    places = cut([card.id for card in cards], cursor, limit)
    ids = [cards[place].id for place in places]
    return answer(request, page_of([await _key(tx, each) for each in ids], ids, limit))


@router.api("GET", "/keys/{key_id}", "keys.read", gives=Key)
async def read(request: Request, tx: TenantTx, key_id: UUID) -> Response:
    """One key."""
    return answer(request, await _key(tx, key_id))


@router.api(
    "POST",
    "/keys",
    "keys.write",
    fresh=True,
    gives=Key,
    status=201,
    problems=(*UNUSABLE, "too_many_keys", "service_account_not_found"),
)
async def make(request: Request, tx: TenantTx, body: NewKey) -> Response:
    """Make a key. Its secret stands in this reply and nowhere else."""

    async def work() -> tuple[UUID, Key]:
        await _look_up(tx, body)
        made = await create_key(
            tx,
            body.name,
            permissions=body.permissions,
            scopes=body.scopes,
            limits=_limits(body),
            options=body.options,
            log_days=body.log_days,
            bot_id=body.bot_id,
            days=body.days,
            service_account_id=body.service_account_id,
        )
        return made.id, (await _key(tx, made.id)).model_copy(update={"secret": made.secret})

    return await once(request, tx, body, work, partial(_key, tx))


@router.api(
    "PUT",
    "/keys/{key_id}",
    "keys.write",
    fresh=True,
    gives=Key,
    problems=(*UNUSABLE, "key_not_found", "key_not_working", "key_above_you"),
)
async def change(request: Request, tx: TenantTx, key_id: UUID, body: KeyDraft) -> Response:
    """Say anew what a key is called, may do and is narrowed by, everywhere within a second."""
    await _look_up(tx, body)
    await keys.change_key(tx, key_id, _wish(body))
    await follow_switch(tx, key_id)
    return answer(request, await _key(tx, key_id))


@router.api(
    "POST",
    "/keys/{key_id}/rotate",
    "keys.write",
    fresh=True,
    gives=Key,
    problems=("key_not_found", "key_not_working", "key_above_you", "key_old_secrets"),
)
async def rotate(request: Request, tx: TenantTx, key_id: UUID, body: Rotation) -> Response:
    """Give a key a new secret. It stands in this reply and nowhere else; the old one works on for the overlap."""

    async def work() -> tuple[UUID, Key]:
        made = await rotation.rotate_key(tx, key_id, body.overlap_days)
        return made.id, (await _key(tx, made.id)).model_copy(update={"secret": made.secret})

    return await once(request, tx, body, work, partial(_key, tx), 200)


@router.api(
    "POST",
    "/keys/{key_id}/end-overlap",
    "keys.write",
    gives=Key,
    problems=("key_not_found", "key_not_working"),
)
async def end_overlap(request: Request, tx: TenantTx, key_id: UUID) -> Response:
    """Stop a key's former secrets, within a second."""

    async def work() -> tuple[UUID, None]:
        await rotation.end_overlap(tx, key_id)
        return key_id, None

    return await once(request, tx, None, work, partial(_key, tx), 200)


@router.api("DELETE", "/cache", "cache.write", status=204)
async def empty(tx: TenantTx) -> Response:
    """Forget every answer that the response cache has."""
    await empty_cache(tx)
    return Response(status_code=204)


@router.api("POST", "/keys/{key_id}/revoke", "keys.write", gives=Key, problems=("key_not_found",))
async def revoke(request: Request, tx: TenantTx, key_id: UUID) -> Response:
    """Stop a key, within a second."""

    async def work() -> tuple[UUID, None]:
        await revoke_key(tx, key_id)
        return key_id, None

    return await once(request, tx, None, work, partial(_key, tx), 200)


def _wish(body: KeyDraft) -> keys.KeyWish:
    limits = _limits(body)
    return keys.KeyWish(
        body.name, body.permissions, body.scopes, limits, body.options, body.log_days, body.bot_id
    )


async def _look_up(tx: Tx, body: KeyDraft) -> None:
    """See that the bot is one of the workspace. Raises BotNotFound."""
    if body.bot_id is not None:
        await bot_by_id(tx, body.bot_id)


def _limits(body: KeyDraft) -> KeyLimits:
    lists = tuple(body.models), tuple(body.origins), tuple(body.networks)
    rates = body.requests_per_minute, body.tokens_per_minute
    return KeyLimits(*rates, micro(body.monthly_budget_micro), *lists, micro(body.end_user_budget_micro))


async def _key(tx: Tx, key_id: UUID) -> Key:
    found = next((card for card in await list_keys(tx) if card.id == key_id), None)
    if found is None:
        raise NotFound
    return Key(
        id=found.id,
        name=found.name,
        shown=found.shown,
        permissions=list(found.permissions),
        state=found.state,
        scopes=list(found.scopes),
        requests_per_minute=found.limits.requests_per_minute,
        tokens_per_minute=found.limits.tokens_per_minute,
        monthly_budget_micro=found.limits.monthly_budget,
        end_user_budget_micro=found.limits.end_user_budget,
        models=list(found.limits.models),
        origins=list(found.limits.origins),
        networks=list(found.limits.networks),
        options=list(found.options),
        log_days=found.log_days,
        bot_id=found.bot_id,
        service_account=found.service_account,
        rotated_at=found.rotated_at,
        old_secrets_work_until=max((each.works_until for each in found.old), default=None),
        created_at=found.created_at,
        expires_at=found.expires_at,
        last_used_at=found.last_used_at,
    )
