"""Keys of the workspace's own at suppliers of models, for programs. A supplier is asked with no transaction open."""

from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.dashboard.management.answers import Cursor, Limit, Page, answer, cut, once, page_of
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes_suppliers import NewProviderKey, ProviderKey
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx, current_access, services
from callmissed.gateway import provider_keys

router = Api("provider keys")

ASKED = (
    "own_key_not_taken", "own_key_unchecked", "rate_limit_exceeded", "upstream_unreachable", "upstream_slow", "upstream_broken",
    "upstream_busy", "upstream_rejected",
)  # fmt: skip
"""What can come of asking a supplier."""


@router.api("GET", "/provider-keys", "keys.read", gives=Page[ProviderKey], problems=("cursor_unusable",))
async def list_all(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Every key, the newest first, without secrets."""
    cards = await provider_keys.cards(tx)
    places = cut([card.id for card in cards], cursor, limit)
    ids = [cards[place].id for place in places]
    return answer(request, page_of([_shape(cards[place]) for place in places], ids, limit))


@router.api(
    "PUT",
    "/provider-keys",
    "keys.write",
    fresh=True,
    gives=ProviderKey,
    problems=("own_key_unusable", "own_key_unstated", "own_key_wrong", *ASKED),
)
async def bring(request: Request, body: NewProviderKey) -> Response:
    """Bring a key to a supplier, once the supplier has accepted it. The one before is destroyed."""
    access, held = current_access(request), services(request)
    wish = provider_keys.Wish(
        body.upstream,
        body.secret.get_secret_value(),
        body.contract,
        body.contract_on,
        body.excludes_training,
        body.falls_back,
    )
    proven = await provider_keys.prove(held, access, wish)
    async with held.db.tenant(access) as tx:
        shown = await _shown(tx, await provider_keys.bring(tx, proven))
    return answer(request, shown)


@router.api(
    "POST",
    "/provider-keys/{provider_key_id}/verify",
    "keys.write",
    gives=ProviderKey,
    problems=("own_key_not_found", *ASKED),
)
async def verify(request: Request, provider_key_id: UUID) -> Response:
    """Ask the supplier whether it accepts a key now; `state` says what it said."""
    access, held = current_access(request), services(request)
    accepted = await provider_keys.ask_again(held, access, provider_key_id)
    async with held.db.tenant(access) as tx:

        async def work() -> tuple[UUID, None]:
            await provider_keys.note(tx, provider_key_id, accepted=accepted)
            return provider_key_id, None

        return await once(request, tx, None, work, partial(_shown, tx), 200)


@router.api(
    "DELETE",
    "/provider-keys/{provider_key_id}",
    "keys.write",
    status=204,
    problems=("own_key_not_found",),
)
async def take_out(tx: TenantTx, provider_key_id: UUID) -> Response:
    """Use a key no more, within a second, and destroy it."""
    await provider_keys.take_out(tx, provider_key_id)
    return Response(status_code=204)


async def _shown(tx: Tx, key_id: UUID) -> ProviderKey:
    return _shape(await provider_keys.card(tx, key_id))


def _shape(card: provider_keys.Card) -> ProviderKey:
    return ProviderKey(
        id=card.id,
        upstream=card.upstream,
        server=card.server,
        last_four=card.last_four,
        contract=card.contract,
        contract_on=card.contract_on,
        falls_back=card.falls_back,
        state="accepted" if card.is_accepted else "refused",
        created_at=card.created_at,
        verified_at=card.verified_at,
        refused_at=card.refused_at,
    )
