"""Answers as the Responses API says them: a response with its items."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from callmissed.foundation import clock
from callmissed.gateway.choices import Choice, Said, first_choice
from callmissed.gateway.completions import Completion
from callmissed.gateway.requests import CompletionRequest

CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""OpenAI's reasons for an end that came too early, as a response names them."""


def response(done: Completion, request: CompletionRequest) -> bytes:
    """A `response`."""
    choice = first_choice(done.choices) or Choice()
    items = items_of(str(done.usage_id), choice.message)
    begun = opening(str(done.usage_id), done.model, request)
    counted = done.tokens_in, done.tokens_out
    return msgspec.json.encode({**ended(begun, items, choice.finish_reason, counted), **done.members})


def opening(call_id: str, model_id: str, request: CompletionRequest) -> dict[str, Any]:
    """A response before anything is said in it."""
    return {
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "user": None,
        **request.told,
        "id": f"resp_{call_id}",
        "object": "response",
        "created_at": int(clock.now().timestamp()),
        "status": "in_progress",
        "model": model_id,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "usage": None,
    }


def ended(
    begun: Mapping[str, Any], items: Sequence[Mapping[str, Any]], finish: str | None, counted: tuple[int, int]
) -> dict[str, Any]:
    """The same once it is over: completed, or incomplete with the reason."""
    cut = CUT.get(finish or "stop")
    return {
        **begun,
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else int(clock.now().timestamp()),
        "incomplete_details": {"reason": cut} if cut else None,
        "output": items,
        "usage": usage(*counted),
    }


def usage(tokens_in: int, tokens_out: int) -> dict[str, Any]:
    """Token counts as a response names them. Nothing is cached for a later request here."""
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens_in + tokens_out,
    }


def items_of(call_id: str, said: Said) -> list[dict[str, Any]]:
    """What was said, as items: thought, words, calls of tools."""
    found: list[dict[str, Any]] = []
    if said.reasoning_content:
        found.append(thought(f"{call_id}_{len(found)}", said.reasoning_content))
    if said.content:
        found.append(spoken(f"{call_id}_{len(found)}", words_part(said.content)))
    if said.refusal:
        found.append(spoken(f"{call_id}_{len(found)}", refusal_part(said.refusal)))
    for call in said.tool_calls or ():
        told = call.id or "", call.function.name or "", call.function.arguments or ""
        found.append(called(f"{call_id}_{len(found)}", *told))
    return found


def thought(item_id: str, text: str) -> dict[str, Any]:
    """An item of thought."""
    summary = [{"type": "summary_text", "text": text}]
    return {"id": f"rs_{item_id}", "type": "reasoning", "summary": summary, "status": "completed"}


def spoken(item_id: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """A message."""
    said = {"role": "assistant", "status": "completed", "content": [part]}
    return {"id": f"msg_{item_id}", "type": "message", **said}


def called(item_id: str, call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """The call of a tool."""
    told = {"call_id": call_id, "name": name, "arguments": arguments, "status": "completed"}
    return {"id": f"fc_{item_id}", "type": "function_call", **told}


def words_part(text: str) -> dict[str, Any]:
    """Words in a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_part(text: str) -> dict[str, Any]:
    """A refusal in a message."""
    return {"type": "refusal", "refusal": text}
