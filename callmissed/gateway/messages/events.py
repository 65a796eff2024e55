"""A streamed answer as Anthropic's clients read it: a message begins, its blocks come one after another, it ends.

A block is words, thought, or the call of a tool. OpenAI's chunks say neither where a block begins nor where it ends; both
follow from what a chunk adds.
"""

from collections.abc import Iterator
from typing import Any

from callmissed.foundation.http import anthropic_document
from callmissed.foundation.problems import Problem
from callmissed.gateway.choices import Said, ToolCall, first_choice
from callmissed.gateway.completions import Call
from callmissed.gateway.messages.writing import opening, stop_reason, usage
from callmissed.gateway.upstreams import Piece
from callmissed.gateway.wire import named_event

Kind = tuple[str, int]
"""What a block is, and of which call."""

WORDS: Kind = ("text", 0)
THOUGHT: Kind = ("thinking", 0)


class MessageEvents:
    """The events of one message, as bytes for the wire."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._block: Kind | None = None
        self._index = -1
        self._finish: str | None = None
        self._refused = self._called = False

    def begin(self) -> bytes:
        """Before the first piece."""
        told = opening(str(self._call.id), self._call.route.model.id, self._call.counted[0])
        return named_event("message_start", {"message": told}) + named_event("ping", {})

    def piece(self, piece: Piece) -> bytes:
        """What a piece adds. A further choice than the first has no place in a message."""
        choice = first_choice(piece.choices)
        if choice is None:
            return b""
        self._finish = choice.finish_reason or self._finish
        return b"".join(self._added(choice.delta))

    def end(self) -> bytes:
        """After the last piece."""
        tokens_in, tokens_out, _ = self._call.counted
        why = stop_reason(self._finish, refused=self._refused, called=self._called)
        delta = {"stop_reason": why, "stop_sequence": None}
        told = {"delta": delta, "usage": usage(tokens_in, tokens_out), **self._call.members()}
        said = named_event("message_delta", told)
        return self._closed() + said + named_event("message_stop", {})

    def problem(self, problem: Problem) -> bytes:
        """What went wrong under way: the last event there is."""
        return named_event("error", anthropic_document(problem))

    def _added(self, delta: Said) -> Iterator[bytes]:
        if delta.reasoning_content:
            yield self._in(THOUGHT, {"type": "thinking", "thinking": "", "signature": ""})
            yield self._delta(type="thinking_delta", thinking=delta.reasoning_content)
        if words := delta.content or delta.refusal:
            self._refused = self._refused or bool(delta.refusal)
            yield self._in(WORDS, {"type": "text", "text": ""})
            yield self._delta(type="text_delta", text=words)
        for call in delta.tool_calls or ():
            self._called = True
            yield self._in(("tool_use", call.index), _beginning(call))
            if call.function.arguments:
                yield self._delta(type="input_json_delta", partial_json=call.function.arguments)

    def _in(self, kind: Kind, block: dict[str, Any]) -> bytes:
        """Be in a block of this kind: close another one, and open it."""
        if self._block == kind:
            return b""
        closed = self._closed()
        self._block, self._index = kind, self._index + 1
        return closed + named_event("content_block_start", {"index": self._index, "content_block": block})

    def _closed(self) -> bytes:
        if self._block is None:
            return b""
        self._block = None
        return named_event("content_block_stop", {"index": self._index})

    def _delta(self, **delta: str) -> bytes:
        return named_event("content_block_delta", {"index": self._index, "delta": delta})


def _beginning(call: ToolCall) -> dict[str, Any]:
    name = call.function.name or ""
    return {"type": "tool_use", "id": call.id or f"toolu_{call.index}", "name": name, "input": {}}
