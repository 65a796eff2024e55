"""Reading POST /v1/responses: items of input become messages, the rest becomes the members of a chat completion.

What would need a memory of ours (`previous_response_id`, `conversation`, `background`) and OpenAI's own tools are refused before
anything costs. Fields we do not know travel on untouched.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.requests import (
    MOST_FALLBACKS,
    MOST_MESSAGES,
    CompletionRequest,
    ModelId,
    empty_object,
    readable,
)
from callmissed.gateway.wishes import WISHED, read_wishes

Message = dict[str, Any]


class ResponsePart(msgspec.Struct):
    """A part of what a message says. `type` says which of the members it has."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: str | None = None
    detail: str | None = None
    filename: str | None = None
    file_data: str | None = None


class ResponseItem(msgspec.Struct):
    """An item of input: a message, the call of a tool, or what came of one."""

    type: str = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[ResponsePart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[ResponsePart] | None = None


class ResponseTool(msgspec.Struct):
    """A tool that the caller runs; its description stands flat here."""

    type: str
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = msgspec.field(default_factory=empty_object)
    strict: bool | None = None


class ResponseFormat(msgspec.Struct):
    """The shape of the answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str = "answer"
    schema: msgspec.Raw = msgspec.field(default_factory=empty_object)
    description: str | None = None
    strict: bool | None = None


class TextWish(msgspec.Struct):
    """How the text is to be."""

    format: ResponseFormat = msgspec.field(default_factory=ResponseFormat)
    verbosity: str | None = None


class Reasoning(msgspec.Struct):
    """How much is thought first."""

    effort: str | None = None
    summary: str | None = None


class ResponseBody(msgspec.Struct):
    """The members of POST /v1/responses that we use or check."""

    model: ModelId
    input: str | Annotated[list[ResponseItem], msgspec.Meta(min_length=1, max_length=MOST_MESSAGES)]
    models: Annotated[list[ModelId], msgspec.Meta(max_length=MOST_FALLBACKS)] | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stream: bool | None = None
    store: bool | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: TextWish | None = None
    reasoning: Reasoning | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None


NEEDS_MEMORY = ("previous_response_id", "conversation", "background", "prompt")
REPEATED = (
    "instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "reasoning", "temperature", "text",
    "tool_choice", "tools", "top_p", "user",
)  # fmt: skip
"""What the answer says again, where it was said."""
NOTHING = b"null"
OURS = frozenset(ResponseBody.__struct_fields__) | {"include", "stream_options", "truncation"} | WISHED
"""Fields that we say in the other language, or that say nothing there."""

_body = msgspec.json.Decoder(ResponseBody)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_response_request(body: bytes) -> CompletionRequest:
    """Read a body. Raises Malformed, RequestInvalid and Unsupported."""
    with readable():
        asked, fields = _body.decode(body), _fields.decode(body)
        wishes = read_wishes(fields)
    for name in NEEDS_MEMORY:
        if getattr(asked, name):
            raise Unsupported(param=name)
    said = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in _said(asked)}
    extra = {name: value for name, value in fields.items() if name not in OURS} | said
    told = {name: fields[name] for name in REPEATED if bytes(fields.get(name, NOTHING)) != NOTHING}
    return CompletionRequest(
        asked.model,
        list(_messages(asked)),
        asked.max_output_tokens,
        1,
        bool(asked.stream),
        True,
        extra,
        asked.models or (),
        told,
        "responses",
        wishes,
    )


def _said(asked: ResponseBody) -> Iterator[tuple[str, Any]]:
    """The members of a chat completion that the request is besides its messages."""
    for name, value in (
        ("max_tokens", asked.max_output_tokens),
        ("temperature", asked.temperature),
        ("top_p", asked.top_p),
        ("reasoning_effort", asked.reasoning and asked.reasoning.effort),
        ("verbosity", asked.text and asked.text.verbosity),
        ("response_format", _format(asked.text.format) if asked.text else None),
        ("tools", [_tool(each) for each in asked.tools or ()] or None),
        ("tool_choice", _choice(asked.tool_choice) if asked.tools else None),
    ):
        if value is not None:
            yield name, value


def _format(wish: ResponseFormat) -> Message | None:
    if wish.type == "text":
        return None
    if wish.type == "json_object":
        return {"type": "json_object"}
    more = {"description": wish.description, "strict": wish.strict}
    schema = {"name": wish.name, "schema": wish.schema, **_given(more)}
    return {"type": "json_schema", "json_schema": schema}


def _tool(tool: ResponseTool) -> Message:
    if tool.type != "function":
        raise Unsupported(param="tools")
    more = _given({"description": tool.description, "strict": tool.strict})
    return {"type": "function", "function": {"name": tool.name, "parameters": tool.parameters, **more}}


def _choice(choice: str | Mapping[str, Any] | None) -> str | Message | None:
    if choice is None or isinstance(choice, str):
        return choice
    if choice.get("type") != "function":
        raise Unsupported(param="tool_choice")
    return {"type": "function", "function": {"name": choice.get("name")}}


def _given(members: Mapping[str, Any]) -> Message:
    return {name: value for name, value in members.items() if value is not None}


# Messages


def _messages(asked: ResponseBody) -> Iterator[Message]:
    if asked.instructions:
        yield {"role": "system", "content": asked.instructions}
    if isinstance(asked.input, str):
        yield {"role": "user", "content": asked.input}
        return
    calls: list[Message] = []
    for item in asked.input:
        if item.type == "function_call":
            calls.append(_call(item))
            continue
        if calls:
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        yield from _message(item)
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _message(item: ResponseItem) -> Iterator[Message]:
    if item.type == "message" and item.role is not None:
        yield {"role": item.role, "content": _content(item.content)}
    elif item.type == "function_call_output":
        if not item.call_id:
            raise RequestInvalid("A function_call_output needs the call_id it answers.", param="input")
        yield {"role": "tool", "tool_call_id": item.call_id, "content": _content(item.output)}
    elif item.type == "message":
        raise RequestInvalid("A message needs a role.", param="input")
    elif item.type != "reasoning":  # what was thought before is bound to the model that thought it
        raise Unsupported(param="input")


def _call(item: ResponseItem) -> Message:
    if not (item.call_id and item.name):
        raise RequestInvalid("A function_call needs a call_id and a name.", param="input")
    called = {"name": item.name, "arguments": item.arguments or "{}"}
    return {"id": item.call_id, "type": "function", "function": called}


def _content(content: str | list[ResponsePart] | None) -> str | list[Message]:
    """Words alone are a string: every model reads that."""
    if not isinstance(content, list):
        return content or ""
    parts = [_part(each) for each in content]
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _part(part: ResponsePart) -> Message:
    if part.type in {"input_text", "output_text", "text"}:
        return {"type": "text", "text": part.text}
    if part.type == "refusal":
        return {"type": "text", "text": part.refusal}
    if part.type == "input_image" and part.image_url:
        return {"type": "image_url", "image_url": {"url": part.image_url, **_given({"detail": part.detail})}}
    if part.type == "input_file" and part.file_data:
        file = {"filename": part.filename or "document", "file_data": part.file_data}
        return {"type": "file", "file": file}
    raise Unsupported(param="input")
