"""API keys, for programs."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.dashboard.management.answers import Cursor, Limit, Page, answer, cut, once, page_of
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import Key, NewKey
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx
from callmissed.foundation.problems import NotFound
from callmissed.identity import create_key, list_keys, revoke_key

router = Api("keys")


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
    problems=(
        "key_name_missing",
        "key_may_nothing",
        "key_service_unusable",
        "key_scope_unusable",
        "too_many_keys",
    ),
)
async def make(request: Request, tx: TenantTx, body: NewKey) -> Response:
    """Make a key. Its secret stands in this reply and nowhere else."""

    async def work() -> tuple[UUID, Key]:
        made = await create_key(
            tx, body.name, permissions=body.permissions, scopes=body.scopes, days=body.days
        )
        return made.id, (await _key(tx, made.id)).model_copy(update={"secret": made.secret})

    async def show(key_id: UUID) -> Key:
        return await _key(tx, key_id)

    return await once(request, tx, body, work, show)


@router.api("POST", "/keys/{key_id}/revoke", "keys.write", gives=Key, problems=("key_not_found",))
async def revoke(request: Request, tx: TenantTx, key_id: UUID) -> Response:
    """Stop a key, within a second."""

    async def work() -> tuple[UUID, None]:
        await revoke_key(tx, key_id)
        return key_id, None

    async def show(same: UUID) -> Key:
        return await _key(tx, same)

    return await once(request, tx, None, work, show, 200)


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
        monthly_budget_micro=found.limits.monthly_budget,
        created_at=found.created_at,
        expires_at=found.expires_at,
        last_used_at=found.last_used_at,
    )
