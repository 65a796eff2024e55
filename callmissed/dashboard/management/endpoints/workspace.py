"""The workspace itself, for programs. Closing it is done on its page, where one sees what will be lost."""

from starlette.requests import Request
from starlette.responses import Response

from callmissed.billing import seats_of
from callmissed.dashboard.management.answers import answer
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import NewName, Workspace
from callmissed.foundation.http import TenantTx
from callmissed.identity import workspace, workspaces

router = Api("workspace")


@router.api("GET", "/workspace", "team.read", gives=Workspace)
async def read(request: Request, tx: TenantTx) -> Response:
    """The workspace that the caller works in."""
    return answer(request, await _shown(tx))


@router.api("PATCH", "/workspace", "tenant.write", gives=Workspace, problems=("organisation_missing",))
async def rename(request: Request, tx: TenantTx, body: NewName) -> Response:
    """Call the workspace something else."""
    await workspaces.rename(tx, body.name)
    return answer(request, await _shown(tx))


async def _shown(tx: TenantTx) -> Workspace:
    where = await workspace(tx)
    return Workspace(name=where.name, slug=where.slug, plan=where.plan, seats=seats_of(where.plan))
