"""The walk over the pages sees every way to tick a box, to load from elsewhere, and to weaken the security policy."""

import pytest

from callmissed.app.crawl import Reader, guards, is_foreign
from callmissed.foundation.pages import content_security_policy

BASE = "http://127.0.0.1:8000"
STRICT = "default-src 'none'; base-uri 'none'; form-action 'self'"


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize(
    ("html", "ticked"),
    [
        ('<form><input type="checkbox" name="news" checked></form>', True),
        ('<form id="f"></form><input form="f" type="checkbox" checked>', True),
        ('<FORM><INPUT TYPE="CHECKBOX" CHECKED="CHECKED"></FORM>', True),
        ('<form><label><input type="checkbox" name="news"></label></form>', False),
        ('<input type="checkbox" data-single-keys checked>', False),
    ],
)
def test_ticked_boxes_of_forms_are_seen(html: str, ticked: bool) -> None:
    assert read(html).page.is_ticked is ticked


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<img src="//ads.example/pixel.gif" alt="">',
        '<img srcset="https://ads.example/pixel.gif 2x" alt="">',
        '<iframe src="http://ads.example/"></iframe>',
        '<link rel="stylesheet" href="https://fonts.example/a.css">',
        '<object data="https://ads.example/x.swf"></object>',
        '<video poster="https://ads.example/x.png"></video>',
        '<form action="https://collect.example/"></form>',
        '<form><button formaction="https://collect.example/">.</button></form>',
        '<script src="http://127.0.0.1:8001/x.js"></script>',
    ],
)
def test_what_comes_from_elsewhere_is_seen(html: str) -> None:
    assert [is_foreign(address, BASE) for address in read(html).page.loads] == [True]


def test_what_is_our_own_or_a_mere_link_is_no_request_to_others() -> None:
    own = '<link href="/static/a.css"><img src="data:image/svg+xml,x"><form action="/sign-in"></form><script src="x.js"></script>'
    assert [is_foreign(address, BASE) for address in read(own).page.loads] == [False] * 4
    assert read('<a href="https://dpboard.example/">the Board</a>').page.loads == []


@pytest.mark.parametrize(
    "policy",
    [
        "",
        f"{STRICT}; script-src 'self' cdn.example",
        f"{STRICT}; script-src https:",
        f"{STRICT}; img-src *",
        f"{STRICT}; script-src 'self' 'unsafe-inline'",
        "script-src 'self'; base-uri 'none'; form-action 'self'",
        "default-src 'none'; base-uri 'none'",
        "default-src 'none'; form-action 'self'",
        f"{STRICT}; frame-ancestors 'none'".replace("'none'; base", "'self'; base"),
    ],
)
def test_a_weakened_security_policy_is_seen(policy: str) -> None:
    assert not guards(policy)


def test_the_security_policy_we_send_is_sound() -> None:
    assert guards(content_security_policy())
    assert guards(content_security_policy(framed_by="https://shop.example"))
