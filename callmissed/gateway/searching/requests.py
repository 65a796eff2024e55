"""What is asked of POST /v1/search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from callmissed.gateway.catalogue import Kind, Model
from callmissed.gateway.estimates import Estimate, dearest
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.requests import readable
from callmissed.gateway.upstreams import Mode

LONGEST_QUERY: Final = 2_000
MOST_DOMAINS: Final = 20
OWN_KNOWLEDGE: Final = "local/knowledge"
"""The search that finds nothing of the web: only what the workspace itself has written down."""

Provider = Literal["google", "exa", "serper", "firecrawl", "searxng", "knowledge"]
MODELS: Final[Mapping[Provider, str]] = MappingProxyType(
    {
        "google": "search/google", "exa": "search/exa", "serper": "search/serper", "firecrawl": "search/firecrawl",
        "searxng": "search/searxng", "knowledge": OWN_KNOWLEDGE,
    }
)  # fmt: skip
"""The entry of the catalogue that each provider's searches are sold as."""
PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({model: name for name, model in MODELS.items()})

Domain = Annotated[
    str, msgspec.Meta(max_length=253, pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\Z")
]  # fmt: skip
Domains = Annotated[Sequence[Domain], msgspec.Meta(max_length=MOST_DOMAINS)]


class SearchBody(msgspec.Struct, forbid_unknown_fields=True):
    """The members of POST /v1/search. `gl` is a country, `hl` a language, `tbs` an age as Google writes it: qdr:d, qdr:w2."""

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_QUERY, pattern=r"\S")]
    provider: Provider | None = None
    mode: Mode = "auto"
    num_results: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    include_domains: Domains = ()
    exclude_domains: Domains = ()
    start_published_date: date | None = None
    end_published_date: date | None = None
    include_content: bool = False
    gl: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z]{2})?\Z")] = ""
    hl: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?)?\Z")] = ""
    tbs: Annotated[str, msgspec.Meta(pattern=r"^(qdr:[hdwmy][0-9]{0,3})?\Z")] = ""


_body = msgspec.json.Decoder(SearchBody)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search. `model` is the entry of the catalogue that it is sold as."""

    model: str
    body: SearchBody
    endpoint: str = "search"
    kind: Kind = "search"
    fallbacks: Sequence[str] = ()
    stream: bool = False

    def at_most(self, models: Iterable[Model]) -> Estimate:
        """What it costs: one search."""
        return dearest(Estimate(0, 0, max(1, each.price(1))) for each in models)

    def reading(self) -> int:
        """It is not sold by the token."""
        return 0


def read_search_request(body: bytes, usual: str = OWN_KNOWLEDGE) -> SearchRequest:
    """Read a body; `usual` is the model of whoever names no provider. Raises Malformed, RequestInvalid, and Unsupported for a member
    that nobody knows.
    """
    with readable():
        for name in _members.decode(body):
            if name not in SearchBody.__struct_fields__:
                raise Unsupported(param=name)
        asked = _body.decode(body)
    start, end = asked.start_published_date, asked.end_published_date
    if start and end and start > end:
        raise RequestInvalid(
            "end_published_date lies before start_published_date.", param="end_published_date"
        )
    return SearchRequest(MODELS[asked.provider] if asked.provider else usual, asked)


def is_search(body: bytes) -> bool:
    """Whether a body asks for a search, and not for a completion. Raises Malformed."""
    with readable():
        members = _members.decode(body)
    return "query" in members and "messages" not in members
