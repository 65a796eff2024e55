"""A vendor of web search as an upstream: it searches, and does nothing else.

What it finds was written by strangers: text is made plain, addresses that are none are left out, and no address is ever fetched.
"""

import html
import re
from collections.abc import Iterable
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from callmissed.gateway.problems import UpstreamBroken
from callmissed.gateway.upstreams.altered import altered
from callmissed.gateway.upstreams.answers import got, posted
from callmissed.gateway.upstreams.gate import UNGUARDED, Gate
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.protocol import Terms, WritesNothing
from callmissed.gateway.upstreams.search_vendors import Hit, Vendor
from callmissed.gateway.upstreams.seeking import LONGEST_CONTENT, SNIPPETS, Finding, Found, Sought
from callmissed.gateway.upstreams.sound import TextOnly
from callmissed.gateway.upstreams.taking import OwnKeys, taken

LARGEST: Final = 8_000_000
"""Bytes of an answer: fifty pages of text fit."""
LONGEST_URL, LONGEST_TITLE, LONGEST_DATE = 2_048, 300, 40
TAG: Final = re.compile(r"<(?:!--|/?[A-Za-z])[^<>]{0,500}>")


class Searcher(WritesNothing, TextOnly):
    """One account at a vendor. Raises ValueError where tenants are to bring keys to a vendor at which none can be checked for free."""

    def __init__(
        self, terms: Terms, vendor: Vendor, client: Client, gate: Gate | None = None, own_keys: OwnKeys = "no"
    ) -> None:
        if own_keys != "no" and not vendor.proof:
            raise ValueError(f"keys for {terms.name} cannot be checked, so none can be brought")
        self.terms = terms
        self._vendor = vendor
        self._client = client
        self._gate = gate or Gate()
        self.taking = taken(own_keys, client, self.with_key, vendor.proof)

    def with_key(self, secret: str) -> Self:
        """The same on the account of this key."""
        return altered(self, _client=self._client.with_key(secret), _gate=UNGUARDED)

    async def search(self, sought: Sought) -> Found:
        """What the vendor finds, as far as it keeps to the domains that were asked for."""
        sought.check(self._vendor.knows, self._vendor.most)
        path, body = self._vendor.ask(sought)
        async with self._gate:
            asking = (
                got(self.terms.name, self._client, path)
                if body is None
                else posted(self.terms.name, self._client, path, body)
            )
            with await asking as answer:
                document = await answer.whole(LARGEST)
            try:
                hits, told = self._vendor.read(document)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise UpstreamBroken from None
        found = (self._finding(each, sought) for each in hits)
        findings = [each for each in found if each is not None][: sought.count]
        return Found(findings, plain(told, SNIPPETS["detailed"]) or None)

    def _finding(self, hit: Hit, sought: Sought) -> Finding | None:
        """A result, made plain; None for one that has no address, or one outside of the wished domains."""
        url = hit.url or hit.link or ""
        host = _host(url)
        if host is None or _within(host, sought.exclude):
            return None
        if sought.include and not _within(host, sought.include):
            return None
        said = " … ".join(hit.highlights or ()) or hit.snippet or hit.description or hit.content or hit.text
        page: str | None = getattr(hit, self._vendor.page) if self._vendor.page and sought.content else None
        return Finding(
            plain(hit.title, LONGEST_TITLE) or host,
            url,
            plain(said, SNIPPETS[sought.mode]),
            plain(hit.date or hit.published, LONGEST_DATE) or None,
            _readable(page[: 2 * LONGEST_CONTENT])[:LONGEST_CONTENT] if page else None,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def plain(text: str | None, longest: int) -> str:
    """One line of text without markup and signs that cannot be seen, cut where it is longer."""
    line = " ".join(_readable(html.unescape(TAG.sub(" ", (text or "")[: longest * 8]))).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _readable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")


def _host(url: str) -> str | None:
    """The host of an address that a browser may follow; None for any other: no scheme but http, no name before an @, no odd sign."""
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return host if parts.scheme in ("http", "https") and host and "@" not in parts.netloc else None


def _within(host: str, domains: Iterable[str]) -> bool:
    """Whether a host is one of these domains, or below one."""
    return any(host == each or host.endswith(f".{each}") for each in domains)
