"""Walking through the public pages as a new visitor's browser would, to see what they set, load and tick.

The walk happens in this process over ASGI, so no request leaves it and nothing is rendered that a visitor could not see.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

from starlette.types import ASGIApp, Message

DOORS = ("/", "/demo", "/privacy", "/privacy?view=text", "/sign-in", "/sign-in/code", "/?lang=hi")
"""Where the walk begins; it follows links from there."""

ELSEWHERE = ("/static/", "/v1/", "/anthropic/", "/privacy/evidence/", "/gallery", "/outbox")
"""Not walked: files, the API, figures of single promises, and pages of a laptop that visitors never see."""

MOST = 60
PAUSE_SECONDS = 0.05
"""Between two pages, so that people who wait for theirs come first."""

LOADING = ("src", "href", "action", "formaction", "data", "poster", "srcset")
"""Attributes by which an element other than a link has the browser fetch something, or send something there."""

OURS = {"'none'", "'self'", "data:", "blob:"}
CLOSED = {"default-src": ["'none'"], "base-uri": ["'none'"], "form-action": ["'self'"]}
"""What a page's security policy must say (CSP Level 3): nothing by default, and for the two the default does not reach."""


@dataclass(slots=True)
class Page:
    """What one page, as HTML, would make a browser do. Paths and names only."""

    links: list[str] = field(default_factory=list[str])
    loads: list[str] = field(default_factory=list[str])
    has_form: bool = False
    is_ticked: bool = False


class Reader(HTMLParser):
    """Reads one page."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._form = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, loads, forms and ticked boxes."""
        held = dict(attrs)
        self._form += tag == "form"
        self.page.has_form |= tag == "form"
        if tag == "a" and held.get("href"):
            self.page.links.append(held["href"] or "")
        self.page.loads += [value for name in LOADING if (value := held.get(name)) and tag != "a"]
        box = tag == "input" and (held.get("type") or "").lower() == "checkbox"
        if box and "checked" in held and (self._form or "form" in held):
            self.page.is_ticked = True

    def handle_endtag(self, tag: str) -> None:
        """Leave a form."""
        self._form -= tag == "form"


async def crawl(app: ASGIApp, base_url: str) -> dict[str, list[str]]:
    """Walk at most 60 pages. Lists of page paths: `pages`, `forms`, `ticked`, `foreign`, `unguarded`; and `cookies` by name."""
    seen: dict[str, list[str]] = {
        name: [] for name in ("pages", "forms", "ticked", "foreign", "unguarded", "cookies")
    }
    waiting: list[str] = list(DOORS)
    known = set(waiting)
    while waiting and len(seen["pages"]) < MOST:
        path = waiting.pop(0)
        await asyncio.sleep(PAUSE_SECONDS)
        status, headers, body = await fetch(app, base_url, path)
        seen["cookies"] += [name for name in cookie_names(headers) if name not in seen["cookies"]]
        if status != 200 or "text/html" not in dict(headers).get("content-type", ""):
            continue
        reader = Reader()
        reader.feed(body)
        seen["pages"].append(path)
        _note(seen, path, reader.page, dict(headers).get("content-security-policy", ""), base_url)
        for link in onward(reader.page.links, base_url):
            if link not in known:
                known.add(link)
                waiting.append(link)
    return seen


def _note(seen: dict[str, list[str]], path: str, page: Page, policy: str, base_url: str) -> None:
    if page.has_form:
        seen["forms"].append(path)
    if page.is_ticked:
        seen["ticked"].append(path)
    if any(is_foreign(address, base_url) for address in page.loads):
        seen["foreign"].append(path)
    if not guards(policy):
        seen["unguarded"].append(path)


def guards(policy: str) -> bool:
    """Whether a Content-Security-Policy keeps a browser from loading or sending anything anywhere but to this origin."""
    rules = {name: sources for name, *sources in (rule.split() for rule in policy.split(";") if rule.strip())}
    loading = [source for name, sources in rules.items() if name != "frame-ancestors" for source in sources]
    return set(loading) <= OURS and all(rules.get(name) == sources for name, sources in CLOSED.items())


def is_foreign(address: str, base_url: str) -> bool:
    """Whether an address, as written in a page, leads to another origin."""
    return urlsplit(urljoin(base_url, address))[:2] != urlsplit(base_url)[:2] and not address.startswith(
        "data:"
    )


def onward(links: Iterable[str], base_url: str) -> list[str]:
    """Links of this origin that are worth a visit, without fragments."""
    inner = [urlsplit(urljoin(base_url, link)) for link in links if not is_foreign(link, base_url)]
    paths = [each.path + (f"?{each.query}" if each.query else "") for each in inner]
    return [path for path in paths if not path.startswith(ELSEWHERE) and "next=" not in path]


def cookie_names(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Names of the cookies a reply sets."""
    return [name for header, value in headers if header == "set-cookie" for name in SimpleCookie(value)]


async def fetch(app: ASGIApp, base_url: str, path: str) -> tuple[int, list[tuple[str, str]], str]:
    """GET one page of the application in this process: status, headers, body."""
    base, parts = urlsplit(base_url), urlsplit(path)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": base.scheme,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(b"host", base.netloc.encode()), (b"accept", b"text/html")],
        "client": ("127.0.0.1", 0),
        "server": (base.hostname, base.port or 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return int(start["status"]), headers, body.decode("utf-8", "replace")
