"""Who can be asked to search: their names, the entries of the catalogue that their searches are sold as, and domains."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

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

MOST_DOMAINS: Final = 20
Domain = Annotated[
    str, msgspec.Meta(max_length=253, pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\Z")
]  # fmt: skip
Domains = Annotated[Sequence[Domain], msgspec.Meta(max_length=MOST_DOMAINS)]
Country = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z]{2})?\Z")]
"""A country as ISO 3166 writes it, or nothing."""
