"""Answers as Anthropic's clients read them: a message, a count of tokens, models."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from callmissed.gateway.choices import Choice, Said, first_choice
from callmissed.gateway.completions import Completion
from callmissed.gateway.register import Listing

STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""OpenAI's reasons for the end to Anthropic's."""


def message(done: Completion) -> bytes:
    """A `message`."""
    choice = first_choice(done.choices) or Choice()
    content = list(_blocks(choice.message))
    return msgspec.json.encode(
        {
            **opening(str(done.usage_id), done.model, done.tokens_in),
            "content": content,
            "stop_reason": stop_reason(
                choice.finish_reason,
                refused=bool(choice.message.refusal),
                called=bool(choice.message.tool_calls),
            ),
            "usage": usage(done.tokens_in, done.tokens_out),
            **done.members,
        }
    )


def opening(call_id: str, model_id: str, tokens_in: int) -> dict[str, Any]:
    """A message before anything is said in it."""
    return {
        "id": f"msg_{call_id}",
        "type": "message",
        "role": "assistant",
        "model": model_id,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(tokens_in, 0),
    }


def stop_reason(finish: str | None, *, refused: bool, called: bool) -> str:
    """Why the answer ended, in Anthropic's words. Not every supplier says that it ended with the call of a tool."""
    if refused:
        return "refusal"
    said = STOPS.get(finish or "stop", "end_turn")
    return "tool_use" if called and said == "end_turn" else said


def usage(tokens_in: int, tokens_out: int) -> dict[str, int]:
    """Token counts as Anthropic names them. Nothing is cached for a later request here."""
    return {
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def _blocks(said: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if said.reasoning_content:
        found.append({"type": "thinking", "thinking": said.reasoning_content, "signature": ""})
    if words := said.content or said.refusal:
        found.append({"type": "text", "text": words})
    for n, call in enumerate(said.tool_calls or ()):
        known = {"type": "tool_use", "id": call.id or f"toolu_{n}", "name": call.function.name or ""}
        found.append({**known, "input": _arguments(call.function.arguments)})
    return found


def _arguments(written: str | None) -> dict[str, Any]:
    """A call's arguments; as one text where the model wrote no object."""
    try:
        return msgspec.json.decode(written or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {"arguments": written}


def counted_tokens(tokens: int) -> dict[str, int]:
    """The answer of count_tokens."""
    return {"input_tokens": tokens}


def model(listing: Listing) -> dict[str, Any]:
    """A `model`."""
    known = listing.model
    return {
        "type": "model",
        "id": known.id,
        "display_name": known.name,
        "created_at": datetime.fromtimestamp(known.since, UTC).isoformat().replace("+00:00", "Z"),
        "lifecycle": "deprecated" if listing.is_deprecated else "active",
        "max_input_tokens": known.context,
        "max_tokens": known.longest_answer,
    }


def models(listings: Sequence[Listing]) -> dict[str, Any]:
    """The list of models; there are few, so they come in one page."""
    listed = [model(each) for each in listings]
    return {
        "data": listed,
        "has_more": False,
        "first_id": listed[0]["id"] if listed else None,
        "last_id": listed[-1]["id"] if listed else None,
    }
