"""Choices as OpenAI writes them, whole or as parts of a stream: what other languages are made from."""

from collections.abc import Iterable

import msgspec

from callmissed.gateway.tokens import count


class Function(msgspec.Struct):
    """A call's name, and its arguments as JSON in a string; in a stream, a part of either."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A call of a tool, or in a stream a part of the call at `index`."""

    function: Function = msgspec.field(default_factory=Function)
    id: str | None = None
    index: int = 0


class Said(msgspec.Struct):
    """What a choice says, or adds."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    """A choice as OpenAI writes it, whole or as a part."""

    message: Said = msgspec.field(default_factory=Said)
    delta: Said = msgspec.field(default_factory=Said)
    finish_reason: str | None = None
    index: int = 0


_read = msgspec.json.Decoder(list[Choice]).decode


def every_choice(choices: bytes) -> list[Choice]:
    """All choices in this JSON."""
    return _read(choices) if choices else []


def first_choice(choices: bytes) -> Choice | None:
    """The first choice in this JSON; None where there is none. The other languages ask for no more than one."""
    return next(iter(_read(choices)), None) if choices else None


def unspoken(pieces: Iterable[bytes]) -> int:
    """Tokens, by our own count, of what was said besides words: thoughts, refusals, calls of tools."""
    said: list[str] = []
    for piece in pieces:
        try:
            choices = _read(piece)
        except msgspec.DecodeError:
            said.append(piece.decode("utf-8", "replace"))  # what we cannot read was delivered all the same
            continue
        for told in (part for choice in choices for part in (choice.message, choice.delta)):
            said += [told.reasoning_content or "", told.refusal or ""]
            said += [
                f"{call.function.name or ''}{call.function.arguments or ''}" for call in told.tool_calls or ()
            ]
    return count("".join(said))
