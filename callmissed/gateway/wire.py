"""OpenAI's shapes on the wire: completions, chunks of a stream, models. Field names are theirs."""

from collections.abc import Sequence
from typing import Any

import msgspec

from callmissed.foundation.http import openai_document
from callmissed.foundation.problems import Problem
from callmissed.gateway.completions import Call, Completion
from callmissed.gateway.register import Route
from callmissed.gateway.upstreams import Piece

DONE = b"data: [DONE]\n\n"


def usage(tokens_in: int, tokens_out: int) -> dict[str, int]:
    """Token counts as OpenAI names them."""
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }


def completion(done: Completion, created: int) -> bytes:
    """A `chat.completion`."""
    return msgspec.json.encode(
        {
            "id": f"chatcmpl-{done.usage_id}",
            "object": "chat.completion",
            "created": created,
            "model": done.model,
            "choices": msgspec.Raw(done.choices),
            "usage": usage(done.tokens_in, done.tokens_out),
        }
    )


def chunk(call: Call, created: int, choices: bytes, *, with_usage: bool, last: bool = False) -> bytes:
    """One event of a stream. With usage asked for, every chunk carries `usage`: null until the last, which has no choices."""
    document: dict[str, Any] = {
        "id": f"chatcmpl-{call.id}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": call.route.model.id,
        "choices": msgspec.Raw(choices),
    }
    if with_usage:
        document["usage"] = usage(*call.counted[:2]) if last else None
    return event(document)


class ChunkEvents:
    """The events of one streamed completion, as bytes for the wire."""

    def __init__(self, call: Call, created: int, *, with_usage: bool) -> None:
        self._call = call
        self._created = created
        self._with_usage = with_usage

    def begin(self) -> bytes:
        """Nothing stands before the first chunk."""
        return b""

    def piece(self, piece: Piece) -> bytes:
        """The chunk of a piece; a piece that only brings counts has none."""
        if not piece.choices:
            return b""
        return chunk(self._call, self._created, piece.choices, with_usage=self._with_usage)

    def end(self) -> bytes:
        """The usage, where it was asked for, and the mark of the end."""
        if not self._with_usage:
            return DONE
        return chunk(self._call, self._created, b"[]", with_usage=True, last=True) + DONE

    def problem(self, problem: Problem) -> bytes:
        """What went wrong under way: the clients of OpenAI read errors from the stream."""
        return event(openai_document(problem))


def event(document: Any) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def model(route: Route) -> dict[str, Any]:
    """A `model`, with what it costs (rupees for 10 lakh tokens) and where it runs."""
    known, terms = route.model, route.upstream.terms
    return {
        "id": known.id,
        "object": "model",
        "created": known.since,
        "owned_by": terms.name,
        "name": known.name,
        "context_window": known.context,
        "max_output_tokens": known.longest_answer,
        "pricing": {
            "currency": "INR", "unit": "10 lakh tokens", "input": known.price_in / 1e6, "output": known.price_out / 1e6,
        },
        "region": terms.region,
        "trains_on_content": terms.trains_on_content,
    }  # fmt: skip


def models(routes: Sequence[Route]) -> dict[str, Any]:
    """The list of models."""
    return {"object": "list", "data": [model(route) for route in routes]}
