"""Reading a chat completion request: strict about what we use, faithful about the rest.

Fields we know are checked before anything costs; fields we do not know travel on untouched to upstreams that take them.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from callmissed.foundation.problems import Malformed
from callmissed.gateway.catalogue import Kind, Model
from callmissed.gateway.estimates import Estimate, dearest, estimate
from callmissed.gateway.problems import RequestInvalid
from callmissed.gateway.tokens import count_messages, most_tokens
from callmissed.gateway.wishes import WISHED, Wishes, read_wishes
from callmissed.identity import LONGEST_TOKEN_SECONDS

MOST_MESSAGES = 2_000
MOST_PARTS = 1_000
MOST_FALLBACKS = 3
OURS = frozenset({"model", "models", "messages", "stream", "stream_options"}) | WISHED
"""Fields that we write ourselves when a request travels on, or that are meant for us alone."""


class Message(msgspec.Struct):
    """A message as far as we read it."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[dict[str, Any]], msgspec.Meta(max_length=MOST_PARTS)] | None = None


class StreamOptions(msgspec.Struct):
    """How a stream ends."""

    include_usage: bool = False


ModelId = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ChatBody(msgspec.Struct):
    """The members of POST /v1/chat/completions that we use or check."""

    model: ModelId
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=MOST_MESSAGES)]
    models: Annotated[list[ModelId], msgspec.Meta(max_length=MOST_FALLBACKS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class TokenBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/tokens: how many seconds the token lives, what it may do (None: all the key may), from which website, and for which end user."""

    ttl: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TOKEN_SECONDS)] = 60
    scopes: Annotated[list[str], msgspec.Meta(max_length=50)] | None = None
    origin: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    end_user: Annotated[str, msgspec.Meta(max_length=512)] | None = None


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What is asked of a model. `messages` are `{"role", "content", …}`; `extra` holds further fields as raw JSON.

    `fallbacks` are the models that the caller takes instead, in order, when the one asked for does not answer. `told` is what
    the answer repeats of the request, in languages in which answers do that; `wishes` what the gateway itself is asked to do.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    max_tokens: int | None = None
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    extra: Mapping[str, msgspec.Raw] = field(default_factory=dict[str, msgspec.Raw])
    fallbacks: Sequence[str] = ()
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    endpoint: str = "chat.completions"
    wishes: Wishes | None = None

    @property
    def kind(self) -> Kind:
        """It asks a model to talk."""
        return "chat"

    def at_most(self, models: Iterable[Model]) -> Estimate:
        """The most that any of these models can need."""
        bytes_in = most_tokens(self.messages, sum(len(bytes(value)) for value in self.extra.values()))
        return dearest(
            estimate(
                each,
                min(bytes_in, each.context),
                min(self.max_tokens or each.longest_answer, each.longest_answer) * self.n,
            )
            for each in models
        )

    def reading(self) -> int:
        """Tokens of its messages, by our own count."""
        return count_messages(self.messages)


_checked = msgspec.json.Decoder(ChatBody)
_token = msgspec.json.Decoder(TokenBody)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_messages = msgspec.json.Decoder(list[dict[str, Any]])


def read_request(body: bytes) -> CompletionRequest:
    """Read a body. Raises Malformed (not JSON, not UTF-8, nested too deep) and RequestInvalid (wrong type or value)."""
    with readable():
        checked = _checked.decode(body)
        fields = _fields.decode(body)
        messages = _messages.decode(fields["messages"])
        wishes = read_wishes(fields)
    return CompletionRequest(
        checked.model,
        messages,
        checked.max_completion_tokens or checked.max_tokens,
        checked.n or 1,
        bool(checked.stream),
        checked.stream_options is not None and checked.stream_options.include_usage,
        _travelling(fields, {"max_tokens"} if checked.max_completion_tokens else set()),
        checked.models or (),
        wishes=wishes,
    )


def _travelling(fields: Mapping[str, msgspec.Raw], dropped: AbstractSet[str]) -> dict[str, msgspec.Raw]:
    """The members that go on to the upstream. Of the two limits of length one does: it is the one that is held."""
    return {name: value for name, value in fields.items() if name not in OURS and name not in dropped}


def read_token_request(body: bytes) -> TokenBody:
    """Read the body of POST /v1/tokens; an empty one asks for the usual. Raises Malformed and RequestInvalid."""
    with readable():
        return _token.decode(body or b"{}")


def empty_object() -> msgspec.Raw:
    """What stands where no JSON object was sent."""
    return msgspec.Raw(b"{}")


@contextmanager
def readable() -> Generator[None]:
    """Turn what the decoder finds into Problems."""
    try:
        yield
    except msgspec.ValidationError as failure:
        message, _, place = str(failure).partition(" - at `$")
        param = place.rstrip("`").lstrip(".") or None
        raise RequestInvalid(f"{message}{f' in {param}' if param else ''}.", param=param) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed from None
