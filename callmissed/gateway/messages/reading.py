"""Reading POST /v1/messages: what Anthropic's clients ask, as a chat completion.

The two languages differ in where things stand. Results of tools are messages of their own there and parts of the user's turn
here; the system's words are the first message there and a member of the request here; a tool's arguments are JSON in a string
there and an object here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from callmissed.gateway.messages.shapes import (
    Address,
    Base64,
    Block,
    Conversation,
    Document,
    Image,
    MessagesBody,
    Text,
    ThinkingWish,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.requests import CompletionRequest, readable
from callmissed.gateway.wishes import WISHED, read_wishes

Message = dict[str, Any]

_body = msgspec.json.Decoder(MessagesBody)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_conversation = msgspec.json.Decoder(Conversation)

EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""Anthropic's efforts to the three that other suppliers know."""
THEIRS = frozenset({"container", "mcp_servers", "context_management", "fallbacks"})
"""What only Anthropic's own servers can do: left out, it would change the answer, so it is refused."""
EMPTY = (b"null", b"[]", b"{}")
QUIET = {
    "cache_control",
    "service_tier",
    "inference_geo",
    "speed",
    "diagnostics",
    "workspace_id",
    "user_profile_id",
}
OURS = frozenset(MessagesBody.__struct_fields__) | THEIRS | QUIET | WISHED
"""Fields that we say in the other language, and those that change nothing in an answer. Others travel on untouched."""
LITTLE, MUCH = 4_096, 16_384
"""Tokens of thinking below which the effort is low, and from which it is high."""


def read_messages_request(body: bytes) -> CompletionRequest:
    """Read a body. Raises Malformed, RequestInvalid and Unsupported."""
    with readable():
        asked, fields = _body.decode(body), _fields.decode(body)
        wishes = read_wishes(fields)
    for name in THEIRS & fields.keys():
        if bytes(fields[name]) not in EMPTY:
            raise Unsupported(param=name)
    said = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in _said(asked)}
    extra = {name: value for name, value in fields.items() if name not in OURS} | said
    return CompletionRequest(
        asked.model, _messages(asked), asked.max_tokens, 1, asked.stream, True, extra, asked.models or (),
        endpoint="messages", wishes=wishes,
    )  # fmt: skip


def read_count_request(body: bytes) -> tuple[str, list[Message], int]:
    """Read POST /v1/messages/count_tokens: the model, the messages, and how many bytes the tools are. Raises as above."""
    with readable():
        asked = _conversation.decode(body)
    tools = sum(len(msgspec.json.encode(_tool(each))) for each in asked.tools or ())
    return asked.model, _messages(asked), tools


def _said(asked: MessagesBody) -> Iterator[tuple[str, Any]]:
    """The members of a chat completion that the request is besides its messages."""
    yield "max_tokens", asked.max_tokens
    for name in ("temperature", "top_p", "top_k"):
        if (value := getattr(asked, name)) is not None:
            yield name, value
    if asked.stop_sequences:
        yield "stop", asked.stop_sequences
    if asked.metadata and asked.metadata.user_id:
        yield "user", asked.metadata.user_id
    if asked.tools:
        yield "tools", [_tool(each) for each in asked.tools]
        yield from _choice(asked.tool_choice)
    if (effort := _effort(asked)) is not None:
        yield "reasoning_effort", effort
    if asked.output_config and asked.output_config.format:
        schema = {"name": "answer", "schema": asked.output_config.format.schema, "strict": True}
        yield "response_format", {"type": "json_schema", "json_schema": schema}


def _tool(tool: Tool) -> Message:
    if tool.type not in {None, "custom"}:
        raise Unsupported(param="tools")
    said = {"description": tool.description} if tool.description else {}
    return {"type": "function", "function": {"name": tool.name, **said, "parameters": tool.input_schema}}


def _choice(choice: ToolChoice | None) -> Iterator[tuple[str, Any]]:
    if choice is None:
        return
    if choice.type == "tool" and not choice.name:
        raise RequestInvalid("Say which tool has to be used.", param="tool_choice")
    named = {"type": "function", "function": {"name": choice.name}}
    yield "tool_choice", {"any": "required", "tool": named}.get(choice.type, choice.type)
    if choice.disable_parallel_tool_use:
        yield "parallel_tool_calls", False


def _effort(asked: MessagesBody) -> str | None:
    if asked.output_config and asked.output_config.effort:
        return EFFORTS[asked.output_config.effort]
    wish = asked.thinking or ThinkingWish("disabled")
    if wish.type != "enabled" or wish.budget_tokens is None:
        return None
    return "low" if wish.budget_tokens < LITTLE else "high" if wish.budget_tokens >= MUCH else "medium"


# Messages


def _messages(asked: Conversation) -> list[Message]:
    system = asked.system if isinstance(asked.system, str) else _joined(asked.system or ())
    first: list[Message] = [{"role": "system", "content": system}] if system else []
    return first + [message for turn in asked.messages for message in _turn(turn)]


def _turn(turn: Turn) -> Iterator[Message]:
    """A turn as one message, and before it one for each result of a tool that it brings."""
    if isinstance(turn.content, str):
        yield {"role": turn.role, "content": turn.content}
    elif turn.role == "assistant":
        yield _assistant(turn.content)
    else:
        results = [block for block in turn.content if isinstance(block, ToolResult)]
        yield from ({"role": "tool", **_result(each)} for each in results)
        shown = [block for each in results for block in _pictures(each)]
        parts = [_part(block) for block in [*shown, *turn.content] if not isinstance(block, ToolResult)]
        if parts:
            yield {"role": "user", "content": _plain(parts)}


def _assistant(blocks: Sequence[Block]) -> Message:
    """What the model said before; its thoughts stay where they were."""
    calls = [
        {
            "id": block.id,
            "type": "function",
            "function": {"name": block.name, "arguments": msgspec.json.encode(block.input).decode()},
        }
        for block in blocks
        if isinstance(block, ToolUse)
    ]
    words = _joined([block for block in blocks if isinstance(block, Text)])
    return {"role": "assistant", "content": words or None, **({"tool_calls": calls} if calls else {})}


def _result(result: ToolResult) -> Message:
    content = result.content or ""
    words = content if isinstance(content, str) else _joined([b for b in content if isinstance(b, Text)])
    return {
        "tool_call_id": result.tool_use_id,
        "content": f"Error: {words}" if result.is_error else words,
    }


def _pictures(result: ToolResult) -> list[Image]:
    """Pictures that a tool brought: its own message has room for words alone."""
    content = result.content
    return [b for b in content if isinstance(b, Image)] if isinstance(content, list) else []


def _part(block: Block) -> Message:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, Image):
        return {"type": "image_url", "image_url": {"url": _url(block.source)}}
    if isinstance(block, Document):
        if isinstance(block.source, Base64):
            file = {"filename": block.title or "document", "file_data": _url(block.source)}
            return {"type": "file", "file": file}
        titled = f"{block.title}\n\n" if block.title else ""
        return {"type": "text", "text": titled + block.source.data}
    raise Unsupported(param="messages")


def _url(source: Base64 | Address) -> str:
    return source.url if isinstance(source, Address) else f"data:{source.media_type};base64,{source.data}"


def _plain(parts: list[Message]) -> str | list[Message]:
    """Words alone are a string: every model reads that."""
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _joined(blocks: Sequence[Text]) -> str:
    return "\n\n".join(block.text for block in blocks)
