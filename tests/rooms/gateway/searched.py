"""Vendors of web search as an operator writes them, all on one peer."""

from collections.abc import Mapping

from tests.support.search_peer import KEYS, SearchPeer

PATHS: Mapping[str, tuple[str, str]] = {
    "google": ("", "/customsearch/v1"),
    "exa": ("/exa", "/exa/search"),
    "serper": ("/serper", "/serper/search"),
    "firecrawl": ("", "/v2/search"),
    "searxng": ("", "/search"),
}
"""Below which address each stands, and where it is asked."""
SERVED_AS = {"google": "engine-7", "exa": "auto"}


def vendors(peer: SearchPeer, *, regions: Mapping[str, str] | None = None, own_keys: str = "no") -> str:
    """The file of an operator: every vendor in India, unless `regions` says otherwise."""
    parts: list[str] = []
    for name, (base, path) in PATHS.items():
        key = KEYS.get(path, ("", ""))[1].removeprefix("Bearer ")
        taken = own_keys if name == "firecrawl" else "no"
        parts.append(
            f"""
[[upstream]]
name = "{name}"
kind = "{name}"
base_url = "{peer.address}{base}"
region = "{(regions or {}).get(name, "IN")}"
contract = "written down"
api_key = "{key}"
own_keys = "{taken}"
[upstream.timeouts]
first_byte = 0.7
[upstream.limits]
breaker = false
[[upstream.model]]
id = "search/{name}"
served_as = "{SERVED_AS.get(name, name)}"
"""
        )
    return "".join(parts)
