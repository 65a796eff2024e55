"""What pages say and send: figures in two languages, hashed files, the reader's language, drawings that hide nothing bad."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from callmissed.foundation import clock, i18n
from callmissed.foundation.pages import (
    Assets,
    Pages,
    drawings,
    figures,
    gallery_context,
    render,
    security_headers,
)
from callmissed.foundation.problems import NotFound


@pytest.fixture(scope="module")
def reader() -> Iterator[TestClient]:
    """A browser before a small application with the real templates."""

    async def gallery(request: Request) -> Response:
        return render(request, "gallery.html", **gallery_context())

    async def lost(request: Request) -> Response:
        return render(request, "problem.html", status_code=404, problem=NotFound("<b>gone</b>"))

    app = Starlette(routes=[Route("/", gallery), Route("/lost", lost)])
    Pages(["site"]).install(app)
    with TestClient(app) as client:
        yield client


def test_money_is_grouped_the_indian_way_and_paise_are_lighter() -> None:
    assert figures.money(12345678_900000) == (
        '<span class="cm-money">₹1,23,45,678<span class="cm-paise">.90</span></span>'
    )
    assert figures.money(74100, 4) == '<span class="cm-money">₹0.0741</span>'
    assert "\N{MINUS SIGN}₹41" in figures.money(-41_270000)


@pytest.mark.parametrize(
    ("ago", "text"), [({"seconds": 12}, "12 s ago"), ({"seconds": 600}, "10 min ago"), ({"days": 900}, "202")]
)
def test_times_are_said_as_people_say_them(ago: dict[str, float], text: str) -> None:
    assert text in figures.ago(clock.now() - timedelta(**ago))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.204, "204 ms"),
        (1.62, "1.62 s"),
        (134, "2 min 14 s"),
        (13200, "3 h 40 min"),
        (7765200, "89 d 21 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


def test_text_from_data_is_translated_filled_and_never_the_catalogues_header() -> None:
    with i18n.speaking("hi"):
        assert figures.translated("") == ""
        assert (
            figures.translated("%(n)s promises unknown to it", {"n": 21406118})
            == "2,14,06,118 promises unknown to it"
        )


def test_ids_keep_head_and_tail() -> None:
    assert figures.ident(UUID("0192f4c1-77aa-7be2-9c1f-3a61c70e9f3a")) == "0192f4c1…9f3a"
    assert figures.ident("short-id") == "short-id"


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "chosen"),
    [
        ("hi", "en", "en", "hi"),
        (None, "hi", "en", "hi"),
        ("xx", None, "ta, hi-IN;q=0.8, en;q=0.5", "hi"),
        (None, None, "en;q=0.5, hi;q=0.9", "hi"),
        (None, None, "hi;q=junk", "hi"),
        (None, None, None, "en"),
    ],
)
def test_language_is_chosen(
    asked: str | None, remembered: str | None, accepted: str | None, chosen: str
) -> None:
    assert i18n.choose(asked, remembered, accepted) == chosen


def test_page_speaks_the_language_asked_for_and_remembers_it(reader: TestClient) -> None:
    first = reader.get("/", params={"lang": "hi"})
    assert '<html lang="hi"' in first.text
    assert "निभाया" in first.text
    assert "2 मि 14 से" in first.text
    assert first.headers["content-language"] == "hi"
    assert "निभाया" in reader.get("/").text
    reader.cookies.clear()
    assert "निभाया" not in reader.get("/").text


def test_what_was_sent_is_escaped(reader: TestClient) -> None:
    page = reader.get("/lost")
    assert page.status_code == 404
    assert "&lt;b&gt;gone" in page.text


def test_static_files_are_kept_for_ever_under_their_hash(reader: TestClient) -> None:
    address = Pages(["site"]).assets.url("theme.css")
    reply = reader.get(address)
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["content-encoding"] == "gzip"
    assert "@import" not in reply.text
    assert "url(../" not in reply.text
    font = reply.text.split("url(")[1].split(")")[0]
    assert reader.get(font).headers["content-type"] == "font/woff2"
    stale = reader.get("/static/000000000000/theme.css")
    assert stale.headers["cache-control"] == "no-cache"
    with pytest.raises(NotFound):  # which the edge answers
        reader.get("/static/x/../rendering.py")
    assert reader.get(address, headers={"If-None-Match": reply.headers["etag"]}).status_code == 304


def test_two_rooms_cannot_offer_the_same_file(tmp_path: Path) -> None:
    for room in ("a", "b"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "x.css").write_text("")
    with pytest.raises(ValueError, match=r"x\.css exists in two rooms"):
        Assets([tmp_path / "a", tmp_path / "b"])


def test_year_shows_the_worse_verdict_of_a_day_and_grey_before_the_promise() -> None:
    last = date(2026, 11, 24)
    year = drawings.year_of_dots([(last, "kept"), (last, "broken"), (last - timedelta(days=1), "kept")], last)
    assert (year.counts["broken"], year.counts["kept"]) == (1, 1)
    assert year.counts["none"] == 52 * 7 + 2 - 2


def test_a_whole_year_of_one_verdict_is_small() -> None:
    last = date(2026, 11, 24)
    year = drawings.year_of_dots([(last - timedelta(days=n), "kept") for n in range(371)], last)
    assert len(year.paths["kept"]) < 1000


def test_only_the_widget_may_be_framed() -> None:
    assert security_headers()["X-Frame-Options"] == "DENY"
    framed = security_headers(framed_by="https://shop.example")
    assert "X-Frame-Options" not in framed
    assert "frame-ancestors https://shop.example" in framed["Content-Security-Policy"]
    assert "Strict-Transport-Security" in security_headers(https=True)
