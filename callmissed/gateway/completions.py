"""Completions: reserve, ask, settle. The same path for the API and for bots.

Nothing is asked before its price is held, nothing is told to be finished before it is settled. A call that fails costs
nothing; a stream that its reader ends, or the end of its key, costs what was delivered.
"""

from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.headers import Provenance
from callmissed.gateway.masking import Mask, Restoring, masked, restored
from callmissed.gateway.own.opened import Own
from callmissed.gateway.problems import ContextTooLong, Unsupported
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.tokens import most_tokens
from callmissed.gateway.trip import Route, Trip
from callmissed.gateway.upstreams import Asked, Piece, Replied
from callmissed.identity import MASKING


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `choices` is JSON as OpenAI writes it, `text` what it says; `usage_id` names its usage record."""

    usage_id: UUID
    model: str
    text: str
    choices: bytes
    tokens_in: int
    tokens_out: int
    counted_by: str
    price_micro: int
    citations: Sequence[dict[str, Any]]
    upstream: str
    region: str
    provenance: Provenance


class Call(BilledCall):
    """One completion on its way."""

    def __init__(
        self, services: Services, access: Access, request: CompletionRequest, caller: Caller
    ) -> None:
        super().__init__(services, access, request, caller)
        self._completion = request
        self._asker = access

    async def open(self, sources: Sequence[UUID] | None) -> Asked:
        """Mask, check and reserve. Raises ContextTooLong, Unsupported, and what `reserve` raises."""
        if self.options and MASKING in self.options:
            asked_of(
                self.route, self._completion, self._asker, sources
            )  # what is refused need not be looked through
            await self._conceal()
        asked = asked_of(self.route, self._completion, self._asker, sources)
        await self.reserve()
        return asked

    async def _conceal(self) -> None:
        """Ask what its key's upstreams may see. Raises Malformed."""
        self.mask, messages, extra = await masked(self._completion.messages, self._completion.extra)
        self._request = self._completion = replace(self._completion, messages=messages, extra=extra)

    def completion(self, choices: bytes) -> Completion:
        """The whole answer."""
        tokens_in, tokens_out, counted_by = self.counted
        terms = self.route.upstream.terms
        return Completion(
            self.id, self.route.model.id, self.text, choices, tokens_in, tokens_out, counted_by, self.price_micro,
            self.citations, terms.name, terms.region, self.provenance,
        )  # fmt: skip


THEIR_TERMS = {
    "service_tier": {b"null", b'"auto"', b'"default"'},
    "store": {b"null", b"false"},
    "inference_geo": {b"null"},
    "speed": {b"null"},
}
"""What a caller could buy or agree to at a supplier in the operator's name, with the values that change nothing."""


def _our_terms(extra: Mapping[str, msgspec.Raw]) -> Mapping[str, msgspec.Raw]:
    """The members without those. Raises Unsupported for one that would change the price, or what the supplier keeps."""
    found = THEIR_TERMS.keys() & extra.keys()
    for name in found:
        if bytes(extra[name]) not in THEIR_TERMS[name]:
            raise Unsupported(param=name)
    return {name: value for name, value in extra.items() if name not in found} if found else extra


def asked_of(
    route: Route | Trip, request: CompletionRequest, access: Access, sources: Sequence[UUID] | None = None
) -> Asked:
    """What its upstream will be asked, once it is clear that it can. Raises Unsupported, RequestInvalid, ContextTooLong."""
    model = route.model
    asked = Asked(
        model.served_as,
        request.messages,
        access,
        _our_terms(request.extra),
        sources,
        request.max_tokens,
        request.n,
    )
    route.upstream.check(asked)
    # What all its bytes cannot fill need not be counted.
    if most_tokens(request.messages) > model.context and request.reading() > model.context:
        raise ContextTooLong(param="messages", context=model.context)
    return asked


async def complete(
    services: Services,
    access: Access,
    request: CompletionRequest,
    *,
    bot_id: UUID | None = None,
    conversation_id: UUID | None = None,
    sources: Sequence[UUID] | None = None,
    india_only: bool = True,
    own: Own | None = None,
    caller: Caller | None = None,
) -> Completion:
    """Answer a request and bill it to the tenant of `access`. Call it with no transaction open.

    `sources` are the knowledge sources the answer may rest on; `own` are the workspace's keys at suppliers; `caller` says who calls
    where it is no bot.
    Raises ModelNotFound, WalletExhausted, the Problems named
    Upstream… and the others of `callmissed.gateway.problems`; whatever it raises was not billed.
    """
    call = Call(
        services,
        access,
        request,
        caller or Caller(None, bot_id, conversation_id, india_only=india_only, own=own),
    )
    choices = await reply(call, sources)
    await call.settle()
    return call.completion(choices)


async def _restored(mask: Mask, answering: Awaitable[Replied]) -> Replied:
    return restored(mask, await answering)


async def reply(call: Call, sources: Sequence[UUID] | None = None) -> bytes:
    """The choices of a whole answer, which `call` has taken note of: what is left is to settle. Raises as `complete` does."""
    asked = await call.open(sources)
    answering = call.route.upstream.reply(asked)
    replied = await call.answered(answering if call.mask is None else _restored(call.mask, answering))
    call.learn(Piece(replied.choices, replied.text, replied.tokens_in, replied.tokens_out, replied.citations))
    return replied.choices


async def stream(call: Call, sources: Sequence[UUID] | None = None) -> AsyncGenerator[Piece]:
    """The pieces of an answer. When the last one has been given out, the call is settled; see `Call` for its figures.

    Closing the generator early, or cancelling its task, settles what was delivered. Raises as `complete` does.
    """
    asked = await call.open(sources)
    pieces = call.route.upstream.stream(asked)
    if call.mask is not None:
        pieces = Restoring(call.mask).pieces(pieces)
    try:
        async for piece in pieces:
            yield piece
            call.learn(piece)
    except BaseException as failure:  # whatever broke, the hold must be given back
        await call.break_off(failure)
        raise
    finally:
        await pieces.aclose()
    await call.settle()
