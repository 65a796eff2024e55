"""The public pages: bad news comes first, the firm's page says what its bot reads, the policy stays small."""

import gzip
from dataclasses import replace
from pathlib import Path

from starlette.requests import Request

from callmissed.app.rooms import PAGE_ROOMS
from callmissed.foundation.i18n import speaking
from callmissed.foundation.pages import Pages
from callmissed.site import DemoFirm, Section
from callmissed.site.demo_firm import opening_hours, price_groups
from callmissed.site.endpoints import telling
from tests.browser import samples

DEMO = Path(__file__).resolve().parents[3] / "callmissed" / "app" / "demo"
KILOBYTE = 1000


def asked(path: str) -> Request:
    """A request as a template sees it."""
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [],
            "server": ("x", 80),
        }
    )


def test_home_always_shows_what_is_not_kept() -> None:
    every = [samples.promise(f"p{n}", "s", "h") for n in range(20)]
    every += [
        samples.promise("bad", "s", "h", verdict="broken"),
        samples.promise("dim", "s", "h", verdict="unknown"),
    ]
    shown = [promise.id for promise in telling(every)]
    assert shown == ["p0", "p1", "p2", "bad", "dim"]


def test_firm_speaks_both_languages_from_the_bots_own_documents() -> None:
    english, hindi = DemoFirm(DEMO).read("en"), DemoFirm(DEMO).read("hi")
    assert english.services[0].lines[0].price == hindi.services[0].lines[0].price
    assert [len(group.lines) for group in english.services] == [len(group.lines) for group in hindi.services]
    assert hindi.name != english.name


def test_price_list_skips_headings_without_a_table() -> None:
    groups = price_groups(
        "# P\n\n## Words\n\nonly words\n\n## Things\n\n| Work | Price | Time |\n| --- | --- | --- |\n| A | ₹1 | 1 h |\n"
    )
    assert [(group.title, group.lines[0].price) for group in groups] == [("Things", "₹1")]


def test_days_with_the_same_hours_stand_together() -> None:
    week = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday"), "09:30-19:30")
    rows = opening_hours({**week, "sunday": "10:00-14:00"}, "en")
    assert rows == [("Monday to Saturday", "09:30 – 19:30"), ("Sunday", "10:00 – 14:00")]


def test_policy_of_55_promises_is_under_thirty_kilobytes_on_the_wire() -> None:
    context = samples.policy()
    every = [samples.promise(f"p.{n}", f"Sentence {n} of the policy.", f"{n} rows") for n in range(55)]
    context["policy"] = replace(context["policy"], sections=[Section(1, "All of it", every)])
    pages = Pages(list(PAGE_ROOMS))
    with speaking("hi"):
        page = pages.text("site/privacy.html", request=asked("/privacy"), **context)
    assert len(gzip.compress(page.encode())) < 30 * KILOBYTE


def test_policy_shows_what_no_program_has_checked_as_cannot_tell() -> None:
    page = Pages(list(PAGE_ROOMS)).text("site/privacy.html", request=asked("/privacy"), **samples.policy())
    unchecked = page.split('id="ours.staff"')[1].split("</details>")[0]
    assert "Cannot tell" in unchecked
    assert "not yet checked" in unchecked
    broken = page.split('id="safe.backups"')[1].split("</details>")[0]
    assert "What went wrong." in broken
