"""A chat completion as a request of Anthropic's Messages API, versions 2023-06-01 and 2026-10-21.

The other direction of `gateway/messages`: the system's words become a member of the request, results of tools parts of the
user's turn, arguments of a tool an object. What has no word there and would change the answer is refused before anything
costs; what changes nothing is left out; what we do not know travels on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.requests import readable
from callmissed.gateway.upstreams.protocol import Asked

Block = dict[str, Any]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Thinking = Literal["adaptive", "budget"]
"""How a model is told to think: by effort alone (models since 2026), or by a number of tokens (those before)."""

Version = Literal["2026-10-21", "2023-06-01"]
"""The newer one has no sampling: it refuses `temperature`, `top_p` and `top_k` whatever they say."""

BUDGETS = {"low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
LEAST_BUDGET = 1_024
LEAST_ANSWER = 4_096
"""For a model that is not this upstream's: a trip is checked under the name of the first that is asked."""

SEEN = {"image/jpeg", "image/png", "image/gif", "image/webp"}
QUIET = {
    "max_tokens", "max_completion_tokens", "n", "seed", "store", "metadata", "service_tier", "prompt_cache_key",
    "prompt_cache_retention", "stream_options",
}  # fmt: skip
"""Members that are said otherwise, or that change nothing in an answer."""
WORDLESS = (
    "logprobs", "top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty", "functions", "function_call", "audio",
    "modalities", "prediction", "verbosity", "web_search_options",
)  # fmt: skip
"""Members that would change the answer, and that Anthropic has no word for."""
HARMLESS = (b"null", b"false", b"0", b"0.0", b"[]", b"{}", b'["text"]', b'"medium"', b'"auto"', b'"none"')
"""Values with which they change nothing."""


class Text(msgspec.Struct, tag="text"):
    """Words."""

    text: str
    cache_control: dict[str, Any] | None = None


class Address(msgspec.Struct):
    """Where a picture is."""

    url: str


class Picture(msgspec.Struct, tag="image_url"):
    """A picture: on the web, or in its own address."""

    image_url: Address
    cache_control: dict[str, Any] | None = None


class Content(msgspec.Struct):
    """A file in its own address."""

    file_data: str
    filename: str | None = None


class File(msgspec.Struct, tag="file"):
    """A document."""

    file: Content
    cache_control: dict[str, Any] | None = None


class Refusal(msgspec.Struct, tag="refusal"):
    """What the model did not want to say."""

    refusal: str
    cache_control: dict[str, Any] | None = None


Part = Text | Picture | File | Refusal


class Function(msgspec.Struct):
    """Which tool was called, with what."""

    name: str
    arguments: str = "{}"


class Call(msgspec.Struct):
    """A call of a tool."""

    id: str
    function: Function


class Message(msgspec.Struct):
    """A message as OpenAI writes it."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None


class Described(msgspec.Struct):
    """What a tool is called and takes."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"{}")
    strict: bool | None = None


class Tool(msgspec.Struct):
    """A tool of the caller."""

    function: Described
    type: Literal["function"] = "function"
    cache_control: dict[str, Any] | None = None


class Named(msgspec.Struct):
    """The name of a tool."""

    name: str


class Chosen(msgspec.Struct):
    """The one tool that has to be used."""

    function: Named
    type: Literal["function"] = "function"


class Schema(msgspec.Struct):
    """The shape of an answer."""

    schema: msgspec.Raw = msgspec.Raw(b'{"type":"object"}')


class Format(msgspec.Struct):
    """How an answer is written."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: Schema | None = None


class Wishes(msgspec.Struct):
    """The further members that are said in other words."""

    stop: str | list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | Chosen | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    response_format: Format | None = None
    user: str | None = None
    safety_identifier: str | None = None


SAID = frozenset(Wishes.__struct_fields__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How models of one upstream are asked: in which version of the language, how they think, and how many tokens each answers
    at most (by its name there).
    """

    version: Version
    thinking: Thinking
    longest: Mapping[str, int]


def request(asked: Asked, manner: Manner, *, stream: bool) -> dict[str, Any]:
    """The body of POST /v1/messages. Raises Unsupported and RequestInvalid."""
    for name in WORDLESS:
        if name in asked.extra and bytes(asked.extra[name]) not in HARMLESS:
            raise Unsupported(param=name)
    if asked.n != 1:
        raise Unsupported(param="n")
    with readable():
        messages = msgspec.convert(asked.messages, list[Message])
        known = {name: value for name, value in asked.extra.items() if name in SAID}
        wishes = msgspec.json.decode(msgspec.json.encode(known), type=Wishes)
    system, turns = _turns(messages)
    longest = manner.longest.get(asked.model, LEAST_ANSWER)
    body: dict[str, Any] = {
        **{name: value for name, value in asked.extra.items() if name not in {*SAID, *QUIET, *WORDLESS}},
        "model": asked.model,
        "max_tokens": min(asked.max_tokens or longest, longest),
        "messages": turns,
        **dict(_sampling(wishes, manner.version)),
        **dict(_said(wishes)),
    }
    if system:
        body["system"] = system
    body |= _thinking(wishes, manner, body, after_tools=_brings_results(turns))
    return {**body, "stream": True} if stream else body


def _sampling(wishes: Wishes, version: Version) -> Iterator[tuple[str, float]]:
    """How an answer is drawn, in the version that lets callers say so. The usual, 1, needs no words."""
    given = {"temperature": wishes.temperature, "top_p": wishes.top_p, "top_k": wishes.top_k}
    for name, value in given.items():
        if value is None or (value == 1 and name != "top_k"):
            continue
        if version != "2023-06-01":
            raise Unsupported(param=name)
        if name == "temperature" and value > 1:
            raise RequestInvalid("The temperature of this model is at most 1.", param=name)
        yield name, value


def _said(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    """Further members in Anthropic's words."""
    stops = [wishes.stop] if isinstance(wishes.stop, str) else wishes.stop or []
    if any(not each.strip() for each in stops):
        raise Unsupported(param="stop")  # white space alone does not stop these models
    if stops:
        yield "stop_sequences", stops
    if whose := wishes.safety_identifier or wishes.user:
        yield "metadata", {"user_id": whose}
    if wishes.tools:
        yield "tools", [_tool(each) for each in wishes.tools]
        yield from _choice(wishes)
    if (shape := wishes.response_format) is not None and shape.type != "text":
        if shape.type == "json_object":
            raise Unsupported(param="response_format")
        schema = (shape.json_schema or Schema()).schema
        yield "output_config", {"format": {"type": "json_schema", "schema": schema}}


def _tool(tool: Tool) -> Block:
    told = tool.function
    more = {
        "description": told.description,
        "strict": told.strict or None,
        "cache_control": tool.cache_control,
    }
    schema = told.parameters if bytes(told.parameters) not in (b"{}", b"null") else None
    return {
        "name": told.name,
        "input_schema": schema or {"type": "object", "properties": {}},
        **{name: value for name, value in more.items() if value is not None},
    }


def _choice(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    choice = wishes.tool_choice
    single = {"disable_parallel_tool_use": True} if wishes.parallel_tool_calls is False else {}
    if isinstance(choice, Chosen):
        yield "tool_choice", {"type": "tool", "name": choice.function.name, **single}
    elif choice == "none":
        yield "tool_choice", {"type": "none"}
    elif choice == "required":
        yield "tool_choice", {"type": "any", **single}
    elif choice == "auto" or single:
        yield "tool_choice", {"type": "auto", **single}


def _thinking(
    wishes: Wishes, manner: Manner, body: Mapping[str, Any], *, after_tools: bool
) -> dict[str, Any]:
    """How much is thought first. Where a tool has to be used, nothing can be."""
    effort = wishes.reasoning_effort
    forced = body.get("tool_choice", {}).get("type") in {"any", "tool"}
    if effort in {None, "none", "minimal"}:
        return {}
    if manner.thinking == "adaptive":
        told = {"output_config": {**body.get("output_config", {}), "effort": effort}}
        return told if forced else {**told, "thinking": {"type": "adaptive"}}
    most = body["max_tokens"]
    if (
        forced or after_tools or most <= LEAST_BUDGET
    ):  # after tools it wants to see its signed thoughts, which nobody kept
        return {}
    budget = min(BUDGETS[effort or "low"], max(LEAST_BUDGET, most // 2))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


# Messages


def _turns(messages: Sequence[Message]) -> tuple[list[Block], list[Block]]:
    """What the system says, and the turns of user and assistant, each of which is one message there."""
    system: list[Block] = []
    turns: list[Block] = []
    for message in messages:
        if message.role in {"system", "developer"}:
            system += _blocks(message)
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [_result(message)] if message.role == "tool" else _blocks(message)
        blocks += [_call(each) for each in message.tool_calls or ()]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return system, turns


def _brings_results(turns: Sequence[Block]) -> bool:
    return bool(turns) and any(block["type"] == "tool_result" for block in turns[-1]["content"])


def _blocks(message: Message) -> list[Block]:
    """The parts of a message. One without words is left out: it may not stand there."""
    content = message.content
    parts = [Text(content)] if isinstance(content, str) else content or []
    return [_block(part) for part in parts if not isinstance(part, Text) or part.text.strip()]


def _block(part: Part) -> Block:
    cached = {"cache_control": part.cache_control} if part.cache_control else {}
    if isinstance(part, Text):
        return {"type": "text", "text": part.text, **cached}
    if isinstance(part, Refusal):
        return {"type": "text", "text": part.refusal, **cached}
    if isinstance(part, Picture):
        return {"type": "image", "source": _picture(part.image_url.url), **cached}
    titled = {"title": part.file.filename} if part.file.filename else {}
    return {"type": "document", "source": _document(part.file.file_data), **titled, **cached}


def _picture(url: str) -> Block:
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    kind, data = _inside(url)
    if kind not in SEEN:
        raise RequestInvalid("These models see pictures as JPEG, PNG, GIF and WebP.", param="messages")
    return {"type": "base64", "media_type": kind, "data": data}


def _document(url: str) -> Block:
    kind, data = _inside(url)
    if kind != "application/pdf":
        raise RequestInvalid("These models read files as PDF.", param="messages")
    return {"type": "base64", "media_type": kind, "data": data}


def _inside(url: str) -> tuple[str, str]:
    """Kind and bytes, in base64, of a `data:` address (RFC 2397). Raises RequestInvalid."""
    kind, mark, data = url.removeprefix("data:").partition(";base64,")
    if not mark or not url.startswith("data:"):
        raise RequestInvalid(
            "A picture or file is an address on the web or data:…;base64,….", param="messages"
        )
    return kind.partition(";")[0].lower(), data


def _result(message: Message) -> Block:
    if not message.tool_call_id:
        raise RequestInvalid("Say which call of a tool this is the result of.", param="messages")
    blocks = _blocks(message)
    said = {"content": blocks} if blocks else {}
    return {"type": "tool_result", "tool_use_id": message.tool_call_id, **said}


def _call(call: Call) -> Block:
    return {
        "type": "tool_use",
        "id": call.id,
        "name": call.function.name,
        "input": _arguments(call.function.arguments),
    }


def _arguments(written: str) -> dict[str, Any]:
    """A call's arguments; as one text where the model wrote no object."""
    try:
        return msgspec.json.decode(written or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {"arguments": written}
