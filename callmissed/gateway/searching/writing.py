"""A search on the wire."""

from typing import Any

import msgspec

from callmissed.gateway.searching.calls import Searched
from callmissed.gateway.searching.requests import PROVIDERS, SearchRequest
from callmissed.gateway.upstreams import Finding
from callmissed.gateway.wire import rupees_of


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
