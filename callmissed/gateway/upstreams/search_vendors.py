"""The vendors of web search, each as data: where it is, what it knows, how it is asked, and how its answer is read.

Google's Custom Search JSON API (developers.google.com/custom-search), Exa (docs.exa.ai), Serper (serper.dev), Firecrawl
(docs.firecrawl.dev) and SearXNG, which an operator runs (docs.searxng.org).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from callmissed.gateway.upstreams.http_client import BEARER, KeyHeader
from callmissed.gateway.upstreams.seeking import LONGEST_CONTENT, SNIPPETS, Sought

Said = tuple[str, bytes | None]
"""The path with its parameters, and the body; None is asked with GET."""


class Hit(msgspec.Struct, rename={"published": "publishedDate"}):
    """A result as vendors write it: each has other names, and everything may be missing."""

    title: str | None = None
    url: str | None = None
    link: str | None = None
    snippet: str | None = None
    description: str | None = None
    content: str | None = None
    highlights: Sequence[str] | None = None
    text: str | None = None
    markdown: str | None = None
    date: str | None = None
    published: str | None = None


class _Box(msgspec.Struct):
    answer: str | None = None
    snippet: str | None = None


class _Google(msgspec.Struct):
    items: Sequence[Hit] = ()


class _Serper(msgspec.Struct, rename={"box": "answerBox"}):
    organic: Sequence[Hit] = ()
    box: _Box | None = None


class _Results(msgspec.Struct):
    results: Sequence[Hit]
    answers: Sequence[str | _Box] = ()


class _Web(msgspec.Struct):
    web: Sequence[Hit] = ()


class _Firecrawl(msgspec.Struct):
    data: _Web | Sequence[Hit]
    success: bool = True


Read = tuple[Sequence[Hit], str | None]


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor. `address` is its usual one, `key` the header of its key, `knows` the fields beside the query, `most` its results.

    `page` names the member that holds the text of a page; `proof` is a free address that is answered to customers alone, where it has one.
    """

    address: str
    ask: Callable[[Sought], Said]
    read: Callable[[bytes], Read]
    knows: frozenset[str]
    most: int = 50
    key: KeyHeader = BEARER
    page: str = ""
    proof: str = ""


def _with_sites(sought: Sought) -> str:
    """The query with its domains as operators, where a vendor has no field for them."""
    sites = " OR ".join(f"site:{each}" for each in sought.include)
    without = " ".join(f"-site:{each}" for each in sought.exclude)
    return " ".join(part for part in (sought.query, f"({sites})" if sites else "", without) if part)


def _recent(sought: Sought) -> str:
    """`qdr:w2`, or a range of dates as Google's own addresses write it."""
    if not (sought.start or sought.end):
        return sought.recent
    ends = [("cd_min", sought.start), ("cd_max", sought.end)]
    return ",".join(["cdr:1", *(f"{name}:{day:%m/%d/%Y}" for name, day in ends if day)])


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in ("", None, ())}


def _posted(path: str, members: Mapping[str, Any]) -> Said:
    return path, msgspec.json.encode(_given(members))


def _got(path: str, members: Mapping[str, Any]) -> Said:
    return f"{path}?{urlencode(_given(members))}", None


def _ask_google(sought: Sought) -> Said:
    days = [f"{day:%Y%m%d}" if day else "" for day in (sought.start, sought.end)]
    return _got(
        "/customsearch/v1",
        {
            "cx": sought.model, "q": _with_sites(sought), "num": sought.count, "gl": sought.country, "hl": sought.language,
            "dateRestrict": _for_google(sought.recent), "sort": ":".join(("date", "r", *days)) if any(days) else "",
        },
    )  # fmt: skip


def _for_google(recent: str) -> str:
    """`qdr:w2` as `w2`. It knows no hours: they are a day."""
    span = recent.removeprefix("qdr:")
    if span.startswith("h"):
        return "d1"
    return span if span[1:] else span and f"{span}1"


def _ask_serper(sought: Sought) -> Said:
    return _posted(
        "/search",
        {
            "q": _with_sites(sought), "num": sought.count, "gl": sought.country.lower(), "hl": sought.language.lower(),
            "tbs": _recent(sought),
        },
    )  # fmt: skip


def _ask_exa(sought: Sought) -> Said:
    contents: dict[str, Any] = {"highlights": {"maxCharacters": SNIPPETS[sought.mode]}}
    if sought.content:
        contents["text"] = {"maxCharacters": LONGEST_CONTENT}
    return _posted(
        "/search",
        {
            "query": sought.query, "type": sought.model, "numResults": sought.count, "includeDomains": sought.include,
            "excludeDomains": sought.exclude, "startPublishedDate": sought.start and f"{sought.start}T00:00:00.000Z",
            "endPublishedDate": sought.end and f"{sought.end}T23:59:59.999Z", "userLocation": sought.country.upper(),
            "contents": contents,
        },
    )  # fmt: skip


def _ask_firecrawl(sought: Sought) -> Said:
    scraping = {"formats": ["markdown"]} if sought.content else None
    return _posted(
        "/v2/search",
        {
            "query": _with_sites(sought), "limit": sought.count, "sources": ["web"], "tbs": _recent(sought),
            "country": sought.country.upper(), "scrapeOptions": scraping,
        },
    )  # fmt: skip


SPANS: Final = {"d": "day", "w": "week", "m": "month", "y": "year"}


def _ask_searxng(sought: Sought) -> Said:
    recent = SPANS.get(sought.recent.removeprefix("qdr:")[:1], "day") if sought.recent else ""
    return _got(
        "/search",
        {"q": _with_sites(sought), "format": "json", "language": sought.language, "time_range": recent},
    )


_google, _serper = msgspec.json.Decoder(_Google), msgspec.json.Decoder(_Serper)
_results, _firecrawl = msgspec.json.Decoder(_Results), msgspec.json.Decoder(_Firecrawl)


def _read_serper(document: bytes) -> Read:
    found = _serper.decode(document)
    box = found.box or _Box()
    return found.organic, box.answer or box.snippet


def _read_results(document: bytes) -> Read:
    found = _results.decode(document)
    told = [each if isinstance(each, str) else each.answer for each in found.answers[:1]]
    return found.results, told[0] if told else None


def _read_firecrawl(document: bytes) -> Read:
    found = _firecrawl.decode(document)
    if not found.success:
        raise msgspec.DecodeError
    return found.data.web if isinstance(found.data, _Web) else found.data, None


DOMAINS: Final = frozenset({"include_domains", "exclude_domains"})
DATES: Final = frozenset({"start_published_date", "end_published_date"})

VENDORS: Final[Mapping[str, Vendor]] = {
    "google": Vendor(
        "https://customsearch.googleapis.com", _ask_google, lambda document: (_google.decode(document).items, None),
        DOMAINS | DATES | {"gl", "hl", "tbs"}, 10, KeyHeader("x-goog-api-key"),
    ),
    "exa": Vendor(
        "https://api.exa.ai", _ask_exa, _read_results, DOMAINS | DATES | {"include_content", "gl"}, 50, KeyHeader("x-api-key"), "text",
    ),
    "serper": Vendor(
        "https://google.serper.dev", _ask_serper, _read_serper, DOMAINS | DATES | {"gl", "hl", "tbs"}, 50, KeyHeader("x-api-key"),
        proof="/account",
    ),
    "firecrawl": Vendor(
        "https://api.firecrawl.dev", _ask_firecrawl, _read_firecrawl, DOMAINS | DATES | {"include_content", "gl", "tbs"}, 50,
        page="markdown", proof="/v2/team/credit-usage",
    ),
    "searxng": Vendor("", _ask_searxng, _read_results, DOMAINS | {"hl", "tbs"}),
}  # fmt: skip
"""Every one by its name. The model of Google's is the id of a search engine (`cx`), Exa's the type of its search."""
