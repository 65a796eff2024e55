"""Searching, billed: one search, one price, whatever is found. What fails costs nothing."""

import time
from dataclasses import dataclass
from uuid import UUID

import msgspec

from callmissed.billing import purse
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.headers import Provenance
from callmissed.gateway.masking import Mask, masked
from callmissed.gateway.problems import QueryTooLong
from callmissed.gateway.searching.requests import SearchRequest
from callmissed.gateway.upstreams import Found, Sought
from callmissed.identity import MASKING


@dataclass(frozen=True, slots=True)
class Searched:
    """A search that was made, and paid. `balance_micro` is what the wallet has left, `latency_ms` how long its caller waited."""

    usage_id: UUID
    model: str
    found: Found
    price_micro: int
    balance_micro: int
    latency_ms: int
    provenance: Provenance


async def seek(services: Services, access: Access, request: SearchRequest, caller: Caller) -> Searched:
    """Search and bill it to the tenant of `access`. Raises QueryTooLong, and what `complete` raises; what it raises was not billed."""
    began = caller.arrived or time.perf_counter()
    mask, query = await _query(request, caller)
    call = BilledCall(services, access, request, caller)
    call.mask = mask
    longest = call.route.model.context
    if len(query) > longest:
        raise QueryTooLong(param="query", longest_characters=longest)
    call.units = 1
    await call.reserve()
    found = await call.answered(
        call.route.upstream.search(_sought(request, call.route.model.served_as, query, access))
    )
    await call.settle()
    async with services.db.tenant(access) as tx:
        left = (await purse(tx)).balance_micro
    latency = round((time.perf_counter() - began) * 1e3)
    return Searched(
        call.id, call.route.model.id, found, call.price_micro, left, latency, call.provenance
    )  # fmt: skip


async def _query(request: SearchRequest, caller: Caller) -> tuple[Mask | None, str]:
    """The query as its upstream may see it, and what stands for what in it. Raises TooLongToMask."""
    query = request.body.query
    if MASKING not in caller.options:
        return None, query
    mask, _, members = await masked((), {"query": msgspec.Raw(msgspec.json.encode(query))})
    return mask, msgspec.json.decode(members["query"], type=str)


def _sought(request: SearchRequest, served_as: str, query: str, access: Access) -> Sought:
    asked = request.body
    include, exclude = (
        tuple(dict.fromkeys(each.lower() for each in domains))
        for domains in (asked.include_domains, asked.exclude_domains)
    )
    return Sought(
        served_as, query, access, asked.num_results, asked.mode, include, exclude, asked.start_published_date,
        asked.end_published_date, asked.include_content, asked.gl, asked.hl, asked.tbs,
    )  # fmt: skip
