"""OpenAI's older completions: a prompt becomes the one message of a chat, and what is said the text of a choice.

What a chat cannot do (repeat the prompt, choose the best of many, fill a gap) is refused before anything costs.
"""

from typing import Annotated, Any

import msgspec

from callmissed.gateway.choices import Choice, every_choice
from callmissed.gateway.completions import Completion
from callmissed.gateway.problems import Unsupported
from callmissed.gateway.requests import MOST_FALLBACKS, CompletionRequest, ModelId, StreamOptions, readable
from callmissed.gateway.upstreams import Piece
from callmissed.gateway.wire import ChunkEvents, usage
from callmissed.gateway.wishes import WISHED, read_wishes

USUAL_LENGTH = 16
"""Tokens of an answer whose caller names none (OpenAI's API reference, completions)."""


class PromptBody(msgspec.Struct):
    """The members of POST /v1/completions that we use or check."""

    model: ModelId
    prompt: str | list[Any]
    models: Annotated[list[ModelId], msgspec.Meta(max_length=MOST_FALLBACKS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    best_of: int | None = None
    echo: bool | None = None
    logprobs: int | None = None
    suffix: str | None = None


OURS = (frozenset(PromptBody.__struct_fields__) | WISHED) - {"n", "temperature", "top_p"}
NOT_IN_A_CHAT = ("echo", "logprobs", "suffix")

_body = msgspec.json.Decoder(PromptBody)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_prompt_request(body: bytes) -> CompletionRequest:
    """Read a body. Raises Malformed, RequestInvalid and Unsupported."""
    with readable():
        asked, fields = _body.decode(body), _fields.decode(body)
        wishes = read_wishes(fields)
    for name in NOT_IN_A_CHAT:
        if getattr(asked, name):
            raise Unsupported(param=name)
    if asked.best_of is not None and asked.best_of != (asked.n or 1):
        raise Unsupported(param="best_of")
    longest = asked.max_tokens or USUAL_LENGTH
    extra = {name: value for name, value in fields.items() if name not in OURS}
    return CompletionRequest(
        asked.model,
        [{"role": "user", "content": _prompt(asked.prompt)}],
        longest,
        asked.n or 1,
        bool(asked.stream),
        asked.stream_options is not None and asked.stream_options.include_usage,
        {**extra, "max_tokens": msgspec.Raw(str(longest).encode())},
        asked.models or (),
        endpoint="completions",
        wishes=wishes,
    )


def _prompt(prompt: str | list[Any]) -> str:
    """The prompt: one text, alone or in a list. Several, or tokens of a vocabulary we do not know, are refused."""
    if isinstance(prompt, list):
        if len(prompt) != 1 or not isinstance(prompt[0], str):
            raise Unsupported(param="prompt")
        return prompt[0]
    return prompt


def text_completion(done: Completion, created: int) -> bytes:
    """A `text_completion`."""
    return msgspec.json.encode(
        {
            **_head(str(done.usage_id), created, done.model),
            "choices": [_choice(each, each.message.content) for each in every_choice(done.choices)],
            "usage": usage(done.tokens_in, done.tokens_out),
            **done.members,
        }
    )


class TextEvents(ChunkEvents):
    """The events of a streamed one."""

    def piece(self, piece: Piece) -> bytes:
        """The event of a piece; one that says and ends nothing has none."""
        choices = every_choice(piece.choices)
        if not any(each.delta.content or each.finish_reason for each in choices):
            return b""
        said = [_choice(each, each.delta.content) for each in choices]
        return self.chunk(said, members=self.members(piece))

    def head(self) -> dict[str, Any]:
        """What every event begins with."""
        return _head(str(self.call.id), self.created, self.call.route.model.id)


def _head(usage_id: str, created: int, model_id: str) -> dict[str, Any]:
    return {"id": f"cmpl-{usage_id}", "object": "text_completion", "created": created, "model": model_id}


def _choice(choice: Choice, said: str | None) -> dict[str, Any]:
    told = {"text": said or "", "index": choice.index}
    return {**told, "logprobs": None, "finish_reason": choice.finish_reason}
