"""The usage page over HTTP: what it counts, what it opens, what it refuses, and the file it gives."""

import csv
import html
import io
import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from callmissed.foundation.money import RUPEE
from callmissed.identity import create_key
from tests.rooms.dashboard.conftest import Office, Open

pytestmark = pytest.mark.database

PRICED: dict[str, Any] = {
    "tokens_in": 412, "tokens_out": 186, "price_in_micro": 85 * RUPEE, "price_out_micro": 210 * RUPEE,
    "admit_us": 400, "reserve_us": 1600, "first_token_ms": 204, "latency_ms": 1620,
}  # fmt: skip
LONG = "model=" + "m" * 101
COST = 412 * 85 + 186 * 210


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def rows_of(page: str) -> list[str]:
    """The models in its list of requests, in their order."""
    return re.findall(r"data-request>([^<]+)</a>", page)


def shares_of(page: str) -> list[tuple[str, str, str]]:
    """Name, cost and share in words of each row below the chart."""
    table = page.partition('id="shares"')[2].partition("</section>")[0]
    rows = re.findall(
        r'cm-medium">([^<]*)</td>.*?aria-label="([^"]*)".*?(<span class="cm-money">.*?)</td>',
        table,
        re.DOTALL,
    )
    return [(name, text_of(cost).replace(" ", ""), part) for name, part, cost in rows]


def series_of(page: str) -> dict[str, float]:
    """What the chart draws: each name with its sum in rupees."""
    [drawn] = re.findall(r'data-chart="([^"]*)"', page)
    return {each["name"]: sum(each["data"]) for each in json.loads(html.unescape(drawn))["series"]}


async def sheet(office: Office, address: str) -> list[dict[str, str]]:
    reply = await office.browser.get(address)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"].startswith('attachment; filename="')
    return list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))


async def test_an_empty_page_says_what_will_be_there_and_offers_one_act(office: Office) -> None:
    page = await office.page("/app/usage")
    assert "No requests in this span" in page
    assert page.count("cm-btn is-primary") == 1
    assert "/app/keys?new=1" in page


async def test_figures_rows_and_their_share(office: Office) -> None:
    await office.spend(COST, **PRICED)
    await office.spend(2 * RUPEE, model="big", first_token_ms=40, latency_ms=90)
    await office.spend(0, model="big", status="failed", http_status=503, problem="upstream_busy")
    said = text_of(await office.page("/app/usage"))
    assert "Spent ₹2 .07" in said
    assert "66.66 % answered" in said, "never rounded up to more than it is"
    assert "First token, p95 204 ms" in said
    assert "Key, limits and wallet: 2 ms" in said
    assert "Failed, not billed 1 See them" in said
    assert "503 upstream busy not billed" in said
    assert "412 → 186" in said


async def test_a_request_opens_with_its_time_price_and_keeping(office: Office) -> None:
    first = await office.spend(COST, ago=timedelta(minutes=3), **PRICED)
    second = await office.spend(RUPEE)
    page = await office.page(f"/app/usage?request={first}")
    said = text_of(page)
    assert f"412 tokens in × ₹85.00 / 10 lakh ₹{412 * 85 / 1e6:.6f}" in said
    assert f"186 tokens out × ₹210.00 / 10 lakh ₹{186 * 210 / 1e6:.6f}" in said
    assert f"Taken from the wallet ₹{COST / 1e6:.6f}" in said
    for stage in ("Key and limits", "Reserve in wallet", "Wait for the model", "Answer arrives"):
        assert stage in said
    assert "Only these figures, until" in said
    assert 'href="/privacy#keep.usage-logs"' in page
    assert re.search(rf'href="/app/usage\?request={second}" data-request data-above', page)
    assert "data-below" not in page
    assert re.search(rf'<tr data-id="{first}" aria-selected="true"', page)


async def test_more_than_was_reserved_is_not_taken_and_said_so(office: Office) -> None:
    ref = await office.spend(COST - 1000, **PRICED)
    assert "More than was reserved, so not taken −₹0.001000" in text_of(
        await office.page(f"/app/usage?request={ref}")
    )


async def test_a_failure_says_why_and_that_it_cost_nothing(office: Office) -> None:
    ref = await office.spend(0, status="failed", http_status=503, problem="upstream_busy")
    said = text_of(await office.page(f"/app/usage?request={ref}"))
    assert "Failed, so not billed. The supplier of this model is busy." in said
    assert "No token came." in said
    unknown = await office.spend(0, status="failed", http_status=500, problem="<b>gone</b>")
    page = await office.page(f"/app/usage?request={unknown}")
    assert "<b>gone" not in page


async def test_another_workspace_sees_nothing_of_it(office: Office, opened: Open) -> None:
    ref = await office.spend(RUPEE, model="secret-model")
    other = await opened()
    reply = await other.browser.get(f"/app/usage?request={ref}")
    assert reply.status_code == 404
    assert "secret-model" not in reply.text
    assert (await other.browser.get(f"/app/usage?request={uuid4()}")).status_code == 404
    assert "No requests in this span" in await other.page("/app/usage")
    assert await sheet(other, "/app/requests/log.csv") == []
    assert (await other.browser.get("/app/requests/newest")).json() == {"newest": ""}
    async with office.services.db.tenant(office.access) as tx:
        key = (await create_key(tx, "Theirs")).id
    assert "Theirs" not in await other.page(f"/app/usage?key={key}")


async def test_filters_narrow_page_file_and_figures(office: Office) -> None:
    async with office.services.db.tenant(office.access) as tx:
        key = (await create_key(tx, "crm-sync")).id
    await office.spend(RUPEE, model="a", key_id=key)
    await office.spend(RUPEE, model="b")
    await office.spend(0, model="b", status="failed", http_status=502, problem="upstream_broken")
    await office.spend(RUPEE, model="c", ago=timedelta(days=10))
    page = await office.page("/app/usage")
    assert rows_of(page) == ["b", "b", "a", "c"]
    assert "crm-sync" in page
    assert rows_of(await office.page("/app/usage?model=b")) == ["b", "b"]
    assert rows_of(await office.page(f"/app/usage?key={key}")) == ["a"]
    assert rows_of(await office.page("/app/usage?status=failed&model=b")) == ["b"]
    assert rows_of(await office.page("/app/usage?days=7")) == ["b", "b", "a"]
    assert rows_of(await office.page("/app/usage?days=1")) == ["b", "b", "a"]
    narrowed = await office.page("/app/usage?status=cancelled")
    assert "Nothing matches" in narrowed
    assert [row["model"] for row in await sheet(office, "/app/requests/log.csv?model=b")] == ["b", "b"]


async def test_costs_are_told_by_model_or_by_whoever_made_them(office: Office) -> None:
    async with office.services.db.tenant(office.access) as tx:
        key = (await create_key(tx, "crm-sync")).id
        other = (await create_key(tx, "website")).id
    await office.spend(3 * RUPEE, model="a", key_id=key, tokens_in=7, tokens_out=11)
    await office.spend(RUPEE, model="b", key_id=key)
    await office.spend(RUPEE, model="b", key_id=other)
    await office.spend(
        0, model="b", key_id=other, status="failed", http_status=502, problem="upstream_broken"
    )
    await office.spend(RUPEE // 2, model="a", endpoint="playground")
    by_model, by_key = await office.page("/app/usage"), await office.page("/app/usage?by=key")
    assert "What each model used" in by_model
    assert shares_of(by_model) == [("a", "₹3.50", "₹3.50 of ₹5.50"), ("b", "₹2.00", "₹2.00 of ₹5.50")]
    assert "What each key used" in by_key
    assert [(name, cost) for name, cost, _ in shares_of(by_key)] == [
        ("crm-sync", "₹4.00"), ("website", "₹1.00"), ("Playground", "₹0.50"),
    ]  # fmt: skip
    assert series_of(by_model) == {"a": 3.5, "b": 2.0}
    assert series_of(by_key) == {"crm-sync": 4.0, "website": 1.0, "Playground": 0.5}


async def test_a_chart_has_a_colour_for_four_and_one_for_the_others(office: Office) -> None:
    for n in range(6):
        await office.spend((n + 1) * RUPEE, model=f"m{n}")
    assert series_of(await office.page("/app/usage")) == {"m5": 6, "m4": 5, "m3": 4, "m2": 3, "Other": 3}


async def test_only_the_newest_stand_below_the_figures(office: Office) -> None:
    for n in range(12):
        await office.spend(1, model=f"m{n}", ago=timedelta(seconds=60 - n))
    page = await office.page("/app/usage?days=7")
    assert rows_of(page) == [f"m{n}" for n in range(11, 1, -1)]
    assert 'href="/app/requests?days=7">All requests' in page


@pytest.mark.parametrize(
    "query",
    ["days=-1", "days=0", "days=91", "days=x", "key=me", "status=maybe", "request=1", "by=luck", "model=%00", LONG],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused(office: Office, query: str) -> None:
    for address in ("/app/usage", "/app/requests", "/app/requests/newest", "/app/requests/log.csv"):
        assert (await office.browser.get(f"{address}?{query}")).status_code == 422


async def test_a_model_nobody_has_is_shown_as_a_text(office: Office) -> None:
    page = await office.page("/app/usage?model=<script>alert(1)</script>'\"")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Nothing matches" in page


async def test_the_file_holds_every_figure_and_runs_nothing(office: Office) -> None:
    async with office.services.db.tenant(office.access) as tx:
        key = (await create_key(tx, '=HYPERLINK("http://evil.example","कुंजी, one")')).id
    ref = await office.spend(COST, key_id=key, streamed=True, **PRICED)
    (row,) = await sheet(office, "/app/requests/log.csv")
    assert row["request_id"] == str(ref)
    assert row["key"] == '\'=HYPERLINK("http://evil.example","कुंजी, one")'
    assert row["cost_inr"] == f"{COST / 1e6:.6f}"
    assert (row["inr_per_10_lakh_in"], row["inr_per_10_lakh_out"]) == ("85.000000", "210.000000")
    assert (row["tokens_in"], row["tokens_out"], row["first_token_ms"]) == ("412", "186", "204")
    assert row["time_ist"].endswith("+05:30")
    assert (row["status"], row["http_status"], row["problem"], row["bot"]) == ("ok", "200", "", "")


async def test_the_newest_is_told_cheaply(office: Office) -> None:
    await office.spend(1, model="a", ago=timedelta(seconds=5))
    ref = await office.spend(1, model="b")
    told = await office.browser.get("/app/requests/newest")
    assert told.json() == {"newest": str(ref)}
    assert f'data-newest="{ref}"' in await office.page("/app/usage")
    assert (await office.browser.get("/app/requests/newest?model=a")).json() != told.json()


async def test_nobody_sees_it_without_signing_in(client) -> None:
    for address in ("/app/usage", "/app/requests/newest", "/app/requests/log.csv"):
        assert (await client.get(address)).status_code == 401


async def test_it_speaks_hindi(office: Office) -> None:
    ref = await office.spend(COST, **PRICED)
    said = text_of(await office.page(f"/app/usage?lang=hi&request={ref}"))
    for words in ("उपयोग और ख़र्च", "समय कहाँ गया", "बटुए से लिया", "412 टोकन अंदर × ₹85.00 / 10 लाख"):
        assert words in said
