"""OpenAI's shapes on the wire: completions, chunks of a stream, models. Field names are theirs."""

from typing import Any

import msgspec

from callmissed.gateway.completions import Call, Completion
from callmissed.gateway.register import Route

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
