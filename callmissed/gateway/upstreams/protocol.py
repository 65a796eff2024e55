"""What the gateway needs of whoever runs a model."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from callmissed.foundation.tenancy import Access
from callmissed.gateway.problems import Unsupported
from callmissed.gateway.upstreams.answers import LARGEST_REPLY
from callmissed.gateway.upstreams.seeking import Found, Sought
from callmissed.gateway.upstreams.sound import Heard, Listening, Sound, Wording
from callmissed.gateway.upstreams.taking import Taking
from callmissed.knowledge import Passage

IMAGES = "/images/generations"
"""Where pictures are asked for, below an upstream's address."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Where an upstream runs and what its contract says (Policy §1 and §3).

    `region` is an ISO 3166 country. `contract` names the agreement under which it does not train on content; empty when
    none is on record, and then it gets no content.
    """

    name: str
    region: str
    contract: str
    place: str = ""

    @property
    def trains_on_content(self) -> bool:
        """Whether it may train on what it is sent, as far as is known."""
        return not self.contract

    @property
    def mark(self) -> str:
        """Name and country in one word: `rack@IN`."""
        return f"{self.name}@{self.region.partition(' ')[0][:10]}"

    @property
    def in_india(self) -> bool:
        """Whether content stays in India there. A region that is not known counts as outside."""
        return self.region.split()[:1] == ["IN"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way to an upstream. `model` is the upstream's own name for it; `passages` are what was found for it in knowledge,
    for an upstream that answers from them itself: its messages hold them for all others.

    `extra` holds the caller's further fields as they came, token limit and number of choices among them.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    access: Access
    extra: Mapping[str, msgspec.Raw] = field(default_factory=dict[str, msgspec.Raw])
    passages: Sequence[Passage] | None = None
    max_tokens: int | None = None
    n: int = 1


@dataclass(frozen=True, slots=True)
class Replied:
    """A whole answer. `choices` is JSON as OpenAI writes it; token counts are None where the upstream is silent."""

    choices: bytes
    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    citations: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a streamed answer. `choices` is JSON, empty for a piece that only brings counts; `text` what it adds."""

    choices: bytes
    text: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    citations: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """A request that one document answers. `path` says where below the upstream's address; `texts` are what it reads.

    `model` is the upstream's own name; `extra` holds all other members as they came; `largest` is how many bytes are read of it.
    """

    path: str
    model: str
    texts: Sequence[str]
    extra: Mapping[str, msgspec.Raw]
    largest: int = LARGEST_REPLY


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of it: JSON as OpenAI writes it. Token counts are None where the upstream is silent."""

    document: bytes
    tokens_in: int | None = None
    tokens_out: int | None = None


class Upstream(Protocol):
    """Runs models. Both verbs raise the Problems named Upstream…, and RequestInvalid or Unsupported for what it cannot do."""

    @property
    def terms(self) -> Terms:
        """Where and under which contract."""
        ...

    @property
    def taking(self) -> Taking | None:
        """How tenants' own keys are used there; None where they are not taken."""
        ...

    def check(self, asked: Asked) -> None:
        """Refuse what this upstream cannot do, before anything costs. Raises Unsupported."""
        ...

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer."""
        ...

    def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer piece by piece."""
        ...

    async def work(self, work: Work) -> Worked:
        """The document that answers a request of another kind. Raises Unsupported where it has no such model."""
        ...

    async def speak(self, wording: Wording) -> Sound:
        """A text as speech, once the first of it is here. Raises Unsupported where it has no voice."""
        ...

    async def hear(self, listening: Listening) -> Heard:
        """What is said in a recording. Raises Unsupported where it has no ear."""
        ...

    async def search(self, sought: Sought) -> Found:
        """What a search finds. Raises Unsupported where it cannot search, or not so."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class WritesNothing:
    """An upstream that has no model which answers: it speaks, hears or searches alone."""

    def check(self, asked: Asked) -> None:
        """It writes no answers. Raises Unsupported."""
        raise Unsupported(param="model", endpoint=asked.model)

    async def reply(self, asked: Asked) -> Replied:
        """It writes no answers. Raises Unsupported."""
        raise Unsupported(param="model", endpoint=asked.model)

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """It writes no answers. Raises Unsupported."""
        self.check(asked)
        yield Piece(b"")

    async def work(self, work: Work) -> Worked:
        """It knows no other kind of request. Raises Unsupported."""
        raise Unsupported(param="model", endpoint=work.path)
