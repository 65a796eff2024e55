"""What Anthropic's clients send to POST /v1/messages, as far as it can be said to a model of another supplier.

Names and limits are those of the Messages API, version 2023-06-01. A kind of content or of tool that is not named here is
refused: it would have to be left out, and the answer would be about something else.
"""

from typing import Annotated, Any, Literal

import msgspec

from callmissed.gateway.requests import MOST_FALLBACKS, MOST_MESSAGES, ModelId, empty_object

Filled = Annotated[str, msgspec.Meta(min_length=1)]


class Text(msgspec.Struct, tag="text"):
    """Words."""

    text: str


class Base64(msgspec.Struct, tag="base64"):
    """A file inside the request."""

    media_type: str
    data: str


class Address(msgspec.Struct, tag="url"):
    """A file on the web, which the model's supplier fetches."""

    url: str


class PlainText(msgspec.Struct, tag="text"):
    """A document that is text."""

    data: str
    media_type: str = "text/plain"


class Image(msgspec.Struct, tag="image"):
    """A picture to look at."""

    source: Base64 | Address


class Document(msgspec.Struct, tag="document"):
    """A document to read."""

    source: Base64 | PlainText
    title: str | None = None


class Thinking(msgspec.Struct, tag="thinking"):
    """What a model thought before. Its signature binds it to that model, so it is not sent to another."""


class RedactedThinking(msgspec.Struct, tag="redacted_thinking"):
    """The same, unreadable."""


class ToolUse(msgspec.Struct, tag="tool_use"):
    """A call of a tool that the model asked for."""

    id: Filled
    name: Filled
    input: dict[str, Any]


class ToolResult(msgspec.Struct, tag="tool_result"):
    """What came of it."""

    tool_use_id: Filled
    content: str | list[Text | Image] | None = None
    is_error: bool = False


Block = Text | Image | Document | Thinking | RedactedThinking | ToolUse | ToolResult


class Turn(msgspec.Struct):
    """A message of the conversation."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class Tool(msgspec.Struct):
    """A tool that the caller runs. `type` is absent or "custom"; others are Anthropic's own tools."""

    name: Filled
    input_schema: msgspec.Raw = msgspec.field(default_factory=empty_object)
    description: str | None = None
    type: str | None = None


class ToolChoice(msgspec.Struct):
    """Whether a tool has to be used, and which."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class ThinkingWish(msgspec.Struct):
    """How much the model may think first."""

    type: str
    budget_tokens: int | None = None


class Format(msgspec.Struct):
    """The shape of the answer."""

    type: Literal["json_schema"]
    schema: msgspec.Raw


class Output(msgspec.Struct):
    """How the answer is to be: its effort and its shape."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class Metadata(msgspec.Struct):
    """Who the caller's own user is, as an opaque id."""

    user_id: str | None = None


class Conversation(msgspec.Struct):
    """What is asked about: the members that counting tokens needs."""

    model: ModelId
    messages: Annotated[list[Turn], msgspec.Meta(min_length=1, max_length=MOST_MESSAGES)]
    system: str | list[Text] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingWish | None = None


class MessagesBody(Conversation, kw_only=True):
    """POST /v1/messages. `models` are taken instead where the one asked for does not answer, as on every surface here."""

    models: Annotated[list[ModelId], msgspec.Meta(max_length=MOST_FALLBACKS)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    stream: bool = False
    stop_sequences: list[str] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    output_config: Output | None = None
    metadata: Metadata | None = None
