"""The search on the wire: a query comes in, results go out."""

from starlette.types import Send

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import Caller
from callmissed.gateway.headers import cost
from callmissed.gateway.searching import SearchRequest, seek, written
from callmissed.gateway.surface_stream import JSON, send_whole

SEARCH = "/v1/search"


async def answer_search(
    services: Services, access: Access, request: SearchRequest, caller: Caller, send: Send
) -> None:
    """Answer one. Raises Problems before anything was sent."""
    done = await seek(services, access, request, caller)
    await send_whole(send, written(done, request), [JSON, cost(done.price_micro), *done.provenance.headers])
