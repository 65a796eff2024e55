"""The languages that callers speak: how each asks for a completion, and how it reads answers and models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from callmissed.foundation import clock
from callmissed.gateway import messages, prompts, responses, wire
from callmissed.gateway.completions import Call, Completion
from callmissed.gateway.register import Listing
from callmissed.gateway.requests import CompletionRequest, read_request
from callmissed.gateway.surface_stream import Speech


@dataclass(frozen=True, slots=True)
class Language:
    """One of them. `completions` is the address at which it asks."""

    completions: str
    read: Callable[[bytes], CompletionRequest]
    document: Callable[[Completion, CompletionRequest], bytes]
    speech: Callable[[Call, CompletionRequest], Speech]
    model: Callable[[Listing], dict[str, Any]]
    models: Callable[[Sequence[Listing], str], dict[str, Any]]


def _now() -> int:
    return int(clock.now().timestamp())


OPENAI = Language(
    "/v1/chat/completions",
    read_request,
    lambda done, _: wire.completion(done, _now()),
    lambda call, request: wire.ChunkEvents(call, _now(), with_usage=request.include_usage),
    wire.model,
    wire.models,
)
PROMPTS = Language(
    "/v1/completions",
    prompts.read_prompt_request,
    lambda done, _: prompts.text_completion(done, _now()),
    lambda call, request: prompts.TextEvents(call, _now(), with_usage=request.include_usage),
    wire.model,
    wire.models,
)
RESPONSES = Language(
    "/v1/responses",
    responses.read_response_request,
    responses.response,
    responses.ResponseEvents,
    wire.model,
    wire.models,
)
ANTHROPIC = Language(
    "/v1/messages",
    messages.read_messages_request,
    lambda done, _: messages.message(done),
    lambda call, _: messages.MessageEvents(call),
    messages.model,
    lambda listed, _: messages.models(listed),
)
