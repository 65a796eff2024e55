"""Two server processes on one database: what the one ends stops answering at the other, streams under way included."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from callmissed.app.installation import Installation
from callmissed.billing import purse, reconcile
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from tests.support.nodes import two_nodes, upstream_file
from tests.support.peer import running_peer
from tests.support.refusals import (
    PATIENCE_SECONDS,
    Tenant,
    Watch,
    close_workspace,
    end_session,
    revoke_key,
    tenant_in_use,
    use_everything,
    watching,
)

pytestmark = [pytest.mark.database, pytest.mark.faults]

Clients = tuple[httpx.AsyncClient, httpx.AsyncClient]
ENDS: dict[str, tuple[Callable[[httpx.AsyncClient, Watch, Tenant], Awaitable[float]], dict[str, str]]] = {
    "key": (revoke_key, {"a call": "key_revoked", "a streamed answer": "key_revoked"}),
    "session": (end_session, {"a page": "unauthenticated", "an open inbox": ""}),
    "workspace": (
        close_workspace,
        {
            "a call": "workspace_closed",
            "a streamed answer": "workspace_closed",
            "a page": "workspace_closed",
            "an open inbox": "",
            "a widget's conversation": "workspace_closed",
            "an open widget": "",
        },
    ),
}


@pytest.fixture(scope="module")
async def clients(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Clients]:
    """A client of each of two nodes, which know a model that talks until it is stopped."""
    folder: Path = tmp_path_factory.mktemp("nodes")
    async with running_peer() as peer:
        told = str(upstream_file(folder, peer.base_url))
        async with (
            two_nodes(installation, CALLMISSED_UPSTREAMS_FILE=told) as (one, other),
            httpx.AsyncClient(base_url=one, timeout=PATIENCE_SECONDS) as here,
            httpx.AsyncClient(base_url=other, timeout=PATIENCE_SECONDS) as there,
        ):
            yield here, there


@pytest.mark.parametrize("what", ENDS)
async def test_what_one_node_ends_the_other_refuses(what: str, clients: Clients, services: Services) -> None:
    act, codes = ENDS[what]
    here, there = clients
    tenant, bystander = await tenant_in_use(services), await tenant_in_use(services)
    async with watching(there) as watch, watching(there) as others:
        use_everything(others, bystander)
        await others.ready()
        since = await act(here, watch, tenant)
        await watch.after(since)
        assert {name: told.code for name, told in watch.all.items()} == codes
        assert others.going_on == set(others.all), "nobody else is met by it"
    async with services.db.tenant(Access.system(tenant.firm.tenant_id, "verification")) as tx:
        assert (await purse(tx)).held_micro == 0, "what was broken off is settled"
        assert (await reconcile(tx)).adds_up
