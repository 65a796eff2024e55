"""Against consent and cookies: consent.quality, cookies.essential, cookies.no-ads. They tamper with pages on their way out."""

from collections.abc import AsyncGenerator

from callmissed.foundation.pages import content_security_policy
from tests.rooms.privacy.house import Change, House
from tests.rooms.privacy.saboteurs import sabotages

Headers = list[tuple[bytes, bytes]]


def with_more(more: str) -> Change:
    """Adds HTML to the end of the first reply for /privacy."""
    waiting = [more]

    def change(path: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        added = waiting.pop().encode() if path == "/privacy" and waiting else b""
        return headers, body.replace(b"</main>", added + b"</main>")

    return change


def with_policy(policy: str | None) -> Change:
    """Sends every page with another security policy, or without one."""

    def change(_: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        left = [(name, value) for name, value in headers if name.lower() != b"content-security-policy"]
        return left + ([(b"content-security-policy", policy.encode())] if policy else []), body

    return change


@sabotages("consent.quality", "1 pages with a box already ticked", "/privacy", ticked=1)
async def box_already_ticked(house: House) -> AsyncGenerator[None]:
    """Sends a form with its box already ticked."""
    with house.pages(with_more('<form><input type="checkbox" name="news" checked></form>')):
        yield


@sabotages("cookies.no-ads", "1 requests to other companies", "/privacy", foreign=1, unguarded=0)
async def script_from_elsewhere(house: House) -> AsyncGenerator[None]:
    """Sends a page with a script of another company."""
    with house.pages(with_more('<script src="https://cdn.example/x.js"></script>')):
        yield


@sabotages("cookies.no-ads", "pages that would allow one", foreign=0)
async def no_security_policy(house: House) -> AsyncGenerator[None]:
    """Sends every page without a security policy."""
    with house.pages(with_policy(None)):
        yield


@sabotages("cookies.no-ads", "pages that would allow one", foreign=0)
async def security_policy_that_names_a_host(house: House) -> AsyncGenerator[None]:
    """Sends every page with a security policy that lets one other host in."""
    with house.pages(with_policy(content_security_policy().replace("script-src", "script-src cdn.example"))):
        yield


@sabotages("cookies.essential", "1 cookies we did not declare", "_tracker", undeclared=1)
async def undeclared_cookie(house: House) -> AsyncGenerator[None]:
    """Sets a cookie that nobody declared."""

    def change(_: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        return [*headers, (b"set-cookie", b"_tracker=1; Path=/")], body

    with house.pages(change):
        yield


@sabotages("consent.quality", "pages.crawl", verdict="unknown")
async def pages_without_forms(house: House) -> AsyncGenerator[None]:
    """Has every page come back without a form, so that nobody can tell how forms look."""

    def change(_: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        return headers, body.replace(b"<form", b"<div")

    with house.pages(change):
        yield


async def pages_that_fail(house: House) -> AsyncGenerator[None]:
    """Has every page come back as something that is no page, so that a walk over them shows nothing."""

    def change(_: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        return [(name, value) for name, value in headers if name.lower() != b"content-type"], body

    with house.pages(change):
        yield


@sabotages("cookies.essential", "pages.crawl", verdict="unknown")
async def pages_that_fail_with_cookies(house: House) -> AsyncGenerator[None]:
    """Has every page fail, so that nobody can tell which cookies it sets."""
    async for _ in pages_that_fail(house):
        yield


@sabotages("cookies.no-ads", "pages.crawl", verdict="unknown")
async def pages_that_fail_with_scripts(house: House) -> AsyncGenerator[None]:
    """Has every page fail, so that nobody can tell what it loads."""
    async for _ in pages_that_fail(house):
        yield


@sabotages("cookies.essential", "pages.crawl", verdict="unknown")
async def walk_that_breaks_off(house: House) -> AsyncGenerator[None]:
    """Breaks the walk over the pages off on its way."""

    def change(path: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        raise ConnectionResetError(path)

    with house.pages(change):
        yield
