"""Choices as OpenAI writes them, whole or as parts of a stream: what other languages are made from."""

import msgspec


class Function(msgspec.Struct):
    """A call's name, and its arguments as JSON in a string; in a stream, a part of either."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A call of a tool, or in a stream a part of the call at `index`."""

    function: Function
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
