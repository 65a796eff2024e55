"""One request of a batch: the same call as any other, with the same money and the same records.

Its answer is kept before it is charged, so that no charge is without an answer; what happened to a call whose worker died is
read from its usage record, whose id was written down before anything was asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from callmissed.foundation.services import Services
from callmissed.gateway.asking import LANGUAGES, allowed
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.completions import Call, reply
from callmissed.gateway.end_users import budget_of
from callmissed.gateway.limits import Allowance, Limiter
from callmissed.gateway.own.opened import OwnKeys
from callmissed.gateway.problems import Unsupported, UpstreamBroken
from callmissed.gateway.register import Upstreams
from callmissed.gateway.works import ENDPOINTS, begin, outcome, perform
from callmissed.identity import KeyAccess

Keep = Callable[[bytes], Awaitable[None]]
"""Makes the body of an answer durable. Raises when it must not be charged."""


async def allow(services: Services, key: KeyAccess, endpoint: str) -> Callable[[str | None], None]:
    """Whether a model can be asked there by this key: raises the Problems of a request for it, before anything is asked."""
    upstreams = services.get(Upstreams)
    work = ENDPOINTS.get(endpoint)
    kind = work.kind if work else "chat"
    own = await services.get(OwnKeys).of(key) if key.own_keys else None

    def check(model: str | None) -> None:
        wanted = model or (upstreams.usual(kind) if work and kind == "moderation" else None) or ""
        key.ask(wanted)
        upstreams.route(wanted, india_only=key.india_only, kind=kind, own=own)

    return check


async def ask(
    services: Services, key: KeyAccess, endpoint: str, body: bytes, usage_id: UUID, keep: Keep
) -> None:
    """Ask, keep the answer, charge. Raises the Problems of the endpoint: whatever it raises was not billed.

    The key's rates do not count here, its budget, its plan and its models do.
    """
    limits = Allowance(services.get(Limiter), replace(key, tokens_per_minute=None))
    own = await services.get(OwnKeys).of(key) if key.own_keys else None

    def caller(extra: Mapping[str, msgspec.Raw]) -> Caller:
        return Caller(
            key.key_id, allowance=limits, india_only=key.india_only, usage_id=usage_id, options=key.options, own=own,
            alone=True, end_user=budget_of(services.vault, key, None, extra), grounds=key.grounds,
        )  # fmt: skip

    work = ENDPOINTS.get(endpoint)
    if work is not None:
        request = work.read(body, services.get(Upstreams).usual(work.kind))
        allowed(key, request)
        call, concealed = await begin(services, key.access, request, caller(request.extra))
        members = await perform(call, concealed)
        await _finish(call, keep, lambda: work.document(outcome(call, members)))
        return
    language = LANGUAGES[endpoint]
    asked = language.read(body)
    allowed(key, asked)
    if asked.wishes is not None and asked.wishes.web is not None:
        raise Unsupported(param="web_search_options")  # a search would be paid again with each try of a line
    talk = Call(services, key.access, asked, caller(asked.extra))
    choices = await reply(talk)
    await _finish(talk, keep, lambda: language.document(talk.completion(choices), asked))


async def _finish(call: BilledCall, keep: Keep, document: Callable[[], bytes]) -> None:
    """Keep and charge, both or neither: a worker that is told to stop meanwhile does not come between them."""

    async def kept() -> None:
        try:
            body = document()
        except msgspec.MsgspecError:
            raise UpstreamBroken from None
        await keep(body)

    async def finish() -> None:
        await call.answered(kept())
        await call.settle()

    finishing: asyncio.Task[Any] = asyncio.create_task(finish(), name="batch line")
    await asyncio.shield(finishing)
