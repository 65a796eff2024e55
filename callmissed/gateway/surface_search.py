"""The search on the wire: a query comes in, results go out."""

from typing import Any

import msgspec
from starlette.types import Send

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import Caller
from callmissed.gateway.headers import cost
from callmissed.gateway.providers import PROVIDERS
from callmissed.gateway.searching import Searched, SearchRequest, seek
from callmissed.gateway.surface_stream import JSON, send_whole
from callmissed.gateway.upstreams import Finding
from callmissed.gateway.wire import rupees_of

SEARCH = "/v1/search"


async def answer_search(
    services: Services, access: Access, request: SearchRequest, caller: Caller, send: Send
) -> None:
    """Answer one. Raises Problems before anything was sent."""
    done = await seek(services, access, request, caller)
    await send_whole(send, written(done, request), [JSON, cost(done.price_micro), *done.provenance.headers])


def written(done: Searched, request: SearchRequest) -> bytes:
    """The document of an answer: its price and what is left in rupees, which are credits."""
    return msgspec.json.encode(
        {
            "id": f"search-{done.usage_id}",
            "object": "search",
            "request_id": done.usage_id,
            "provider": PROVIDERS[done.model],
            "model": done.model,
            "query": request.body.query,
            "results": [_result(n, each) for n, each in enumerate(done.found.findings, 1)],
            "answer": done.found.answer,
            "currency": "INR",
            "credits_used": rupees_of(done.price_micro),
            "balance": rupees_of(done.balance_micro),
            "latency_ms": done.latency_ms,
        }
    )


def _result(position: int, found: Finding) -> dict[str, Any]:
    return {
        "position": position,
        "title": found.title,
        "url": found.url,
        "snippet": found.snippet,
        "published_date": found.published,
        "content": found.content,
        "source_id": found.source_id,
    }
