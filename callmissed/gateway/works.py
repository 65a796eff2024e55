"""Requests that one document answers: embeddings and moderations. The same money, limits and records as completions.

The document comes from the upstream as it is; only its model, its id and its counts are ours.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.catalogue import Kind, Model
from callmissed.gateway.estimates import Estimate, dearest, estimate
from callmissed.gateway.headers import Provenance
from callmissed.gateway.masking import Mask, masked
from callmissed.gateway.problems import ContextTooLong, RequestInvalid, Unsupported, UpstreamBroken
from callmissed.gateway.requests import ModelId, readable
from callmissed.gateway.tokens import SLACK_PER_MESSAGE, count
from callmissed.gateway.upstreams import Piece, Work
from callmissed.identity import MASKING

MOST_INPUTS = 2_048
"""Texts in one request (OpenAI's API reference, embeddings)."""

Text = Annotated[str, msgspec.Meta(min_length=1)]
Tokens = Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(min_length=1)]
Members = Mapping[str, msgspec.Raw]


class EmbeddingBody(msgspec.Struct):
    """The members of POST /v1/embeddings that we use or check. An input is a text, or tokens of the model's vocabulary."""

    model: ModelId
    input: str | list[Any]
    encoding_format: str | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=16_384)] | None = None


class ModerationBody(msgspec.Struct):
    """The members of POST /v1/moderations that we use or check. Whoever names no model means the usual one."""

    input: str | list[Any]
    model: ModelId | None = None


@dataclass(frozen=True, slots=True)
class WorkRequest:
    """What is asked. `texts` are what its model reads, `counts` how many tokens each is, and `member` holds what is answered."""

    endpoint: str
    kind: Kind
    member: str
    model: str
    texts: Sequence[str]
    counts: Sequence[int]
    bytes_in: int
    extra: Members
    fallbacks: Sequence[str] = ()
    stream: bool = False

    def at_most(self, models: Iterable[Model]) -> Estimate:
        """The most that any of these models can need: it reads, and writes nothing that costs."""
        return dearest(estimate(each, self.bytes_in, 0) for each in models)

    def reading(self) -> int:
        """Tokens of its texts, by our own count."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class WorkDone:
    """What came of it: the members of the upstream's document."""

    usage_id: UUID
    model: str
    members: Members
    tokens_in: int
    price_micro: int
    provenance: Provenance


_embedding = msgspec.json.Decoder(EmbeddingBody)
_moderation = msgspec.json.Decoder(ModerationBody)
_texts = msgspec.json.Decoder(list[Text])
_tokens = msgspec.json.Decoder(list[Tokens])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_embedding_request(body: bytes) -> WorkRequest:
    """Read a body. Raises Malformed and RequestInvalid."""
    with readable():
        asked, members = _embedding.decode(body), _members.decode(body)
    return _request("embeddings", "embedding", "data", asked.model, asked.input, members)


def read_moderation_request(body: bytes, usual: str | None) -> WorkRequest:
    """Read a body; `usual` is the model of whoever names none. Raises Malformed and RequestInvalid."""
    with readable():
        asked, members = _moderation.decode(body), _members.decode(body)
    model = asked.model or usual or "omni-moderation-latest"
    return _request("moderations", "moderation", "results", model, asked.input, members)


def _request(
    endpoint: str, kind: Kind, member: str, model: str, said: str | list[Any], members: Members
) -> WorkRequest:
    texts, counts, size = _read(said, parts=kind == "moderation")
    extra = {name: value for name, value in members.items() if name != "model"}
    return WorkRequest(endpoint, kind, member, model, texts, counts, size, extra)


def _read(said: str | list[Any], *, parts: bool) -> tuple[Sequence[str], Sequence[int], int]:
    """Texts, the tokens of each, and more tokens than any tokenizer can make of all. Raises RequestInvalid."""
    inputs: list[Any] = [said] if isinstance(said, str) or _is_tokens(said) else said
    if not 1 <= len(inputs) <= MOST_INPUTS:
        raise RequestInvalid(f"input holds between 1 and {MOST_INPUTS} texts.", param="input")
    with readable():
        if parts and isinstance(inputs[0], dict):
            encoded = [msgspec.json.encode(each).decode() for each in inputs]
        elif isinstance(inputs[0], list):
            tokens = [len(each) for each in msgspec.convert(inputs, list[Tokens])]
            return (), tokens, sum(tokens)
        else:
            encoded = msgspec.convert(inputs, list[Text])
    return (
        encoded,
        [count(each) for each in encoded],
        sum(SLACK_PER_MESSAGE + len(each.encode()) for each in encoded),
    )


def _is_tokens(said: list[Any]) -> bool:
    return bool(said) and isinstance(said[0], int)


async def work(services: Services, access: Access, request: WorkRequest, caller: Caller) -> WorkDone:
    """Answer a request and bill it to the tenant of `access`. Raises as `complete` does; what it raises was not billed."""
    call, asked = await begin(services, access, request, caller)
    members = await perform(call, asked)
    await call.settle()
    return outcome(call, members)


async def begin(
    services: Services, access: Access, request: WorkRequest, caller: Caller
) -> tuple[BilledCall, WorkRequest]:
    """The call of a request, and what its upstream may see of it. Raises Unsupported, and the Problems of a route."""
    mask = None
    if caller.options and MASKING in caller.options:
        mask, request = await _concealed(request)
    call = BilledCall(services, access, request, caller)
    call.mask = mask
    return call, request


async def perform(call: BilledCall, request: WorkRequest) -> Members:
    """The members of the answer, whose counts `call` has taken note of: what is left is to settle. Raises as `work` does."""
    context = call.route.model.context
    if max(request.counts) > context:
        raise ContextTooLong(param="input", context=context)
    upstream = call.route.upstream
    asked = Work(f"/{request.endpoint}", call.route.model.served_as, request.texts, request.extra)

    async def answer() -> tuple[Members, Piece]:
        done = await upstream.work(asked)
        members = _members.decode(done.document)
        if request.member not in members:
            raise UpstreamBroken
        return members, Piece(b"", "", done.tokens_in, done.tokens_out or 0)

    await call.reserve()
    members, learned = await call.answered(answer())
    call.learn(learned)
    return members


def outcome(call: BilledCall, members: Members) -> WorkDone:
    """What came of a call."""
    return WorkDone(call.id, call.route.model.id, members, call.counted[0], call.price_micro, call.provenance)


async def _concealed(request: WorkRequest) -> tuple[Mask, WorkRequest]:
    """The request as its upstream may see it. Raises Unsupported for tokens: what they say is not known here."""
    if not request.texts:
        raise Unsupported(param="input")
    mask, _, extra = await masked((), request.extra)
    said = msgspec.json.decode(extra["input"])
    return mask, _request(request.endpoint, request.kind, request.member, request.model, said, extra)


def embeddings(done: WorkDone) -> bytes:
    """A list of `embedding`s."""
    counted = {"prompt_tokens": done.tokens_in, "total_tokens": done.tokens_in}
    return msgspec.json.encode(
        {"object": "list", "data": done.members["data"], "model": done.model, "usage": counted}
    )


def moderation(done: WorkDone) -> bytes:
    """A moderation."""
    said = {"id": f"modr-{done.usage_id}", "model": done.model, "results": done.members["results"]}
    return msgspec.json.encode(said)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: how it reads a request (with the usual model of its kind) and writes the answer."""

    kind: Kind
    read: Callable[[bytes, str | None], WorkRequest]
    document: Callable[[WorkDone], bytes]


ENDPOINTS = {
    "/v1/embeddings": Endpoint("embedding", lambda body, _: read_embedding_request(body), embeddings),
    "/v1/moderations": Endpoint("moderation", read_moderation_request, moderation),
}
"""Every one of them by its address."""
