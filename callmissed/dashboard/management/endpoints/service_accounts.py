"""Service accounts, for programs."""

from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.dashboard.management.answers import Cursor, Limit, Page, answer, cut, once, page_of
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import NewName, ServiceAccount
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx
from callmissed.foundation.problems import NotFound
from callmissed.identity import service_accounts as accounts

router = Api("keys")


@router.api(
    "GET", "/service-accounts", "keys.read", gives=Page[ServiceAccount], problems=("cursor_unusable",)
)
async def list_all(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Every open service account, the newest first."""
    cards = await accounts.list_service_accounts(tx)
    places = cut([card.id for card in cards], cursor, limit)
    ids = [cards[place].id for place in places]
    return answer(request, page_of([_account(cards[place]) for place in places], ids, limit))


@router.api(
    "POST",
    "/service-accounts",
    "keys.write",
    gives=ServiceAccount,
    status=201,
    problems=("service_account_name_missing", "service_account_name_taken", "too_many_service_accounts"),
)
async def make(request: Request, tx: TenantTx, body: NewName) -> Response:
    """Open a service account. It can do nothing before it owns a key."""

    async def work() -> tuple[UUID, None]:
        return (await accounts.create_service_account(tx, body.name)).id, None

    return await once(request, tx, body, work, partial(_one, tx))


@router.api(
    "DELETE",
    "/service-accounts/{account_id}",
    "keys.write",
    status=204,
    problems=("service_account_not_found",),
)
async def close(tx: TenantTx, account_id: UUID) -> Response:
    """Close a service account and stop its keys, within a second."""
    await accounts.close_service_account(tx, account_id)
    return Response(status_code=204)


async def _one(tx: Tx, account_id: UUID) -> ServiceAccount:
    found = next((each for each in await accounts.list_service_accounts(tx) if each.id == account_id), None)
    if found is None:
        raise NotFound
    return _account(found)


def _account(card: accounts.ServiceAccountCard) -> ServiceAccount:
    return ServiceAccount(id=card.id, name=card.name, keys=card.keys, created_at=card.created_at)
