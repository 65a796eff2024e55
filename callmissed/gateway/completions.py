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
from callmissed.gateway.grounding import Grounded
from callmissed.gateway.headers import Provenance
from callmissed.gateway.masking import Mask, Restoring, masked, restored
from callmissed.gateway.own.opened import Own
from callmissed.gateway.preparing import prepared
from callmissed.gateway.problems import ContextTooLong, RequestInvalid, Unsupported
from callmissed.gateway.repair import Format, format_of, mended
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.tokens import most_tokens
from callmissed.gateway.trip import Route, Trip
from callmissed.gateway.upstreams import Asked, Piece, Replied
from callmissed.gateway.wishes import Grounding, Wishes, settled
from callmissed.identity import MASKING
from callmissed.knowledge import Passage


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `choices` is JSON as OpenAI writes it, `text` what it says; `usage_id` names its usage record.

    `members` are what the answer says besides, in any language.
    """

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
    members: Mapping[str, Any]


REPAIR_NOTE = b"cm-repair"
NO_MEMBERS: Mapping[str, Any] = {}


class Call(BilledCall):
    """One completion on its way."""

    def __init__(
        self, services: Services, access: Access, request: CompletionRequest, caller: Caller
    ) -> None:
        super().__init__(services, access, request, caller)
        self._services = services
        self._completion = request
        self._asker = access
        self.grounded: Grounded | None = None
        self.format: Format | None = None

    async def open(self) -> Asked:
        """Ground, compress, mask, check and reserve. Raises the Problems of `prepared`, Unsupported, and what `reserve` raises."""
        if self.options or self._completion.wishes is not None:
            await self._prepare()
        asked = self._outgoing()
        await self.reserve()
        return asked

    def _outgoing(self) -> Asked:
        return asked_of(self.route, self._completion, self._asker, self.grounded and self.grounded.passages)

    async def _prepare(self) -> None:
        """What its request, or its key, asks of the gateway itself."""
        wishes = settled(self._completion.wishes, self.options, self._caller.grounds)
        made = await prepared(self._services, self._asker, self._completion, wishes, self.route)
        self._request = self._completion = made.request
        self.grounded, self.notes, self.done = made.grounded, [*made.notes], [*made.done]
        if wishes.repair and (wanted := format_of(self._completion.extra)) is not None:
            self._repair(wanted)
        if MASKING in self.options:
            self._outgoing()  # what is refused need not be looked through
            await self._conceal()

    def _repair(self, wanted: Format) -> None:
        """Repair the answer once it is whole. Raises RequestInvalid for a stream that asks for that: what has left stays as it left."""
        if not self._completion.stream:
            self.format = wanted
        elif self._completion.wishes is not None and self._completion.wishes.repair:
            raise RequestInvalid("Only a whole answer can be repaired: ask without stream.", param="plugins")
        else:
            self.notes.append((REPAIR_NOTE, b"streamed"))

    async def mend(self, choices: bytes) -> bytes:
        """The choices, their JSON repaired where it is broken. Its figures stay those of what was answered."""
        made = await mended(choices, self.format or Format())
        if made.outcome is not None:
            self.notes.append((REPAIR_NOTE, made.outcome.encode()))
            self.done.append(f"json={made.outcome}")
        return made.choices

    async def _conceal(self) -> None:
        """Ask what its key's upstreams may see. Raises Malformed."""
        self.mask, messages, extra = await masked(self._completion.messages, self._completion.extra)
        self._request = self._completion = replace(self._completion, messages=messages, extra=extra)

    def members(self) -> Mapping[str, Any]:
        """What its answer says besides, in any language: what it rests on."""
        return self.grounded.members(self.text, self.citations) if self.grounded else NO_MEMBERS

    def _named(self) -> Sequence[dict[str, Any]]:
        """The passages of its grounding that the answer names."""
        found = self.grounded.citations(self.text) if self.grounded else []
        return [each for each in found if each["cited"]]

    def completion(self, choices: bytes) -> Completion:
        """The whole answer."""
        tokens_in, tokens_out, counted_by = self.counted
        terms = self.route.upstream.terms
        return Completion(
            self.id, self.route.model.id, self.text, choices, tokens_in, tokens_out, counted_by, self.price_micro,
            self.citations or self._named(), terms.name, terms.region, self.provenance, self.members(),
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
    route: Route | Trip,
    request: CompletionRequest,
    access: Access,
    passages: Sequence[Passage] | None = None,
) -> Asked:
    """What its upstream will be asked, once it is clear that it can. Raises Unsupported, RequestInvalid, ContextTooLong."""
    model = route.model
    asked = Asked(
        model.served_as,
        request.messages,
        access,
        _our_terms(request.extra),
        passages,
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
    if sources is not None:
        request = replace(request, wishes=Wishes(Grounding(sources=sources)))
    call = Call(
        services,
        access,
        request,
        caller or Caller(None, bot_id, conversation_id, india_only=india_only, own=own),
    )
    choices = await reply(call)
    await call.settle()
    return call.completion(choices)


async def _restored(mask: Mask, answering: Awaitable[Replied]) -> Replied:
    return restored(mask, await answering)


async def reply(call: Call) -> bytes:
    """The choices of a whole answer, which `call` has taken note of: what is left is to settle. Raises as `complete` does."""
    asked = await call.open()
    answering = call.route.upstream.reply(asked)
    replied = await call.answered(answering if call.mask is None else _restored(call.mask, answering))
    choices = replied.choices if call.format is None else await call.answered(call.mend(replied.choices))
    call.learn(Piece(replied.choices, replied.text, replied.tokens_in, replied.tokens_out, replied.citations))
    return choices


async def stream(call: Call) -> AsyncGenerator[Piece]:
    """The pieces of an answer. When the last one has been given out, the call is settled; see `Call` for its figures.

    Closing the generator early, or cancelling its task, settles what was delivered. Raises as `complete` does.
    """
    asked = await call.open()
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
