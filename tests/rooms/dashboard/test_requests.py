"""The request log over HTTP: what it finds, what it opens, what it refuses; and the same for programs."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from starlette.types import ASGIApp

from callmissed.foundation import clock
from callmissed.foundation.money import RUPEE
from callmissed.foundation.services import Services
from callmissed.identity import ROLES, create_key
from tests.rooms.dashboard.conftest import Office, Open
from tests.rooms.dashboard.test_usage import rows_of, sheet, text_of
from tests.support.belongings import belongings
from tests.support.keys import program_of
from tests.support.people import teammate_of
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database

FAILED = {"status": "failed", "http_status": 503, "problem": "upstream_busy"}


async def test_an_empty_log_says_what_will_be_there_and_offers_one_act(office: Office) -> None:
    page = await office.page("/app/requests")
    assert "No requests in this span" in page
    assert page.count("cm-btn is-primary") == 1
    assert "kept only where a key is switched to that" in page


async def test_it_is_narrowed_by_model_key_outcome_time_and_day(office: Office) -> None:
    async with office.services.db.tenant(office.access) as tx:
        key = (await create_key(tx, "crm-sync")).id
    await office.spend(1, model="oldest", ago=timedelta(days=80))
    await office.spend(1, model="old", ago=timedelta(days=3))
    await office.spend(1, model="a", key_id=key, latency_ms=1001)
    await office.spend(1, model="b", latency_ms=1000)
    await office.spend(0, model="b", **FAILED)
    day = (clock.now() - timedelta(days=3)).astimezone(clock.IST).date()
    for query, expected in {
        "": ["b", "b", "a", "old"],
        "days=1": ["b", "b", "a"],
        "days=90": ["b", "b", "a", "old", "oldest"],
        "model=b": ["b", "b"],
        f"key={key}": ["a"],
        "status=failed": ["b"],
        "slower=1": ["a"],
        "slower=3": [],
        f"day={day}": ["old"],
        f"day={day}&model=a": [],
        "day=2099-01-01": [],
    }.items():
        page = await office.page(f"/app/requests?{query}")
        assert rows_of(page) == expected, query
        assert bool(re.search("Nothing matches|No requests in this span", page)) is not bool(expected), query
        assert [row["model"] for row in await sheet(office, f"/app/requests/log.csv?{query}")] == expected, (
            query
        )


async def test_what_is_chosen_stays_chosen_when_something_is_added(office: Office) -> None:
    day = clock.today()
    await office.spend(1, model="a", latency_ms=5000)
    page = await office.page(f"/app/requests?model=a&slower=3&day={day}")
    assert f'href="/app/requests?model=a&amp;day={day}&amp;slower=3&amp;status=failed"' in page
    assert 'href="/app/requests?model=a&amp;slower=3&amp;days=7"' in page, "a span instead of the day"
    form = page.partition('class="list us-day"')[2].partition("</form>")[0]
    assert re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form) == [
        ("model", "a"),
        ("slower", "3"),
    ]


async def test_older_requests_are_a_page_away(office: Office) -> None:
    for n in range(52):
        await office.spend(1, model=f"m{n}", ago=timedelta(seconds=60 - n))
    page = await office.page("/app/requests")
    assert rows_of(page) == [f"m{n}" for n in range(51, 1, -1)]
    older = re.search(r'href="(/app/requests\?before=[^"]+)">Older', page)
    assert older
    rest = await office.page(older[1])
    assert rows_of(rest) == ["m1", "m0"]
    assert 'data-watch=""' in rest, "an older page does not ask for what is new"
    opened = re.search(r'href="([^"]+)" data-row data-request>m0<', rest)
    assert opened
    assert rows_of(await office.page(opened[1].replace("&amp;", "&"))) == ["m1", "m0"]
    assert len(await sheet(office, "/app/requests/log.csv")) == 52


async def test_a_request_opens_with_where_it_was_and_what_to_do(office: Office) -> None:
    ref = await office.spend(
        0, upstream="rack", region="IN Pune", tried="states@US", india_only=False, **FAILED
    )
    said = text_of(await office.page(f"/app/requests?request={ref}"))
    assert "Failed, so not billed. The supplier of this model is busy." in said
    assert "up to three further models" in said
    assert "Run by rack India, Pune" in said
    assert "Asked before states United States" in said
    assert "Attempts 2" in said
    assert "no, content was free to leave India then" in said
    rejected = await office.spend(
        0, status="failed", http_status=400, problem="upstream_rejected", model="a/b"
    )
    assert 'href="/app/models?model=a%2Fb"' in await office.page(f"/app/requests?request={rejected}")


async def test_what_was_done_besides_is_told(office: Office) -> None:
    ref = await office.spend(1, options="masked=2 grounded=3 dropped=41 json=failed")
    said = text_of(await office.page(f"/app/requests?request={ref}"))
    for told in (
        "Identifiers masked 2",
        "Passages of a bot's knowledge 3",
        "Messages left out 41",
        "Broken JSON could not be repaired",
    ):
        assert told in said


async def test_what_was_tried_out_says_where(office: Office) -> None:
    ref = await office.spend(1, endpoint="playground")
    assert "Made in Playground" in text_of(await office.page(f"/app/requests?request={ref}"))


@pytest.mark.parametrize("query", ["before=1", "slower=0", "slower=601", "day=yesterday", "day=1999-01-01"])
async def test_what_cannot_be_meant_is_refused(office: Office, query: str) -> None:
    for address in ("/app/requests", "/app/requests/newest", "/app/requests/log.csv"):
        assert (await office.browser.get(f"{address}?{query}")).status_code == 422


async def test_another_workspace_sees_nothing_of_it(office: Office, opened: Open) -> None:
    ref = await office.spend(RUPEE, model="secret-model")
    other = await opened()
    for stranger in (ref, uuid4()):
        reply = await other.browser.get(f"/app/requests?request={stranger}")
        assert reply.status_code == 404
        assert "secret-model" not in reply.text
    assert "No requests in this span" in await other.page("/app/requests")
    assert rows_of(await other.page(f"/app/requests?before={uuid4()}")) == []
    assert await sheet(other, "/app/requests/log.csv") == []


@pytest.mark.parametrize("role", [each for each in ROLES if each != "owner"])
async def test_whoever_sees_usage_sees_it_and_nobody_else(
    role: str, office: Office, app: ASGIApp, services: Services
) -> None:
    ref = await office.spend(RUPEE, model="a", bot_id=uuid4(), conversation_id=uuid4())
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        reply = await browser.get(f"/app/requests?request={ref}", headers={"accept": "text/html"})
    assert reply.status_code == (200 if "usage.read" in ROLES[role] else 403)
    assert ("Open in the inbox" in reply.text) is ({"usage.read", "inbox.read"} <= ROLES[role])


async def test_it_speaks_hindi(office: Office) -> None:
    ref = await office.spend(0, **FAILED)
    said = text_of(await office.page(f"/app/requests?lang=hi&slower=1&request={ref}"))
    for words in ("अनुरोध", "से धीमे", "विफल रहा, इसलिए शुल्क नहीं लगा।"):
        assert words in said


async def test_programs_read_the_same_log_page_by_page(
    app: ASGIApp, services: Services, office: Office, opened: Open
) -> None:
    made = [await office.spend(1, model=f"m{n}", latency_ms=n * 1000, tokens_in=7) for n in range(3)]
    failed = await office.spend(0, model="m9", **FAILED)
    theirs = await (await opened()).spend(1, model="secret-model")
    async with program_of(app, services, office.access, ["usage.read"]) as program:
        first = (await program.get("/requests?limit=3")).json()
        rest = (await program.get(f"/requests?limit=3&cursor={first['next_cursor']}")).json()
        assert [each["model"] for each in first["items"]] == ["m9", "m2", "m1"]
        assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([str(made[0])], None)
        one = (await program.get(f"/requests/{failed}")).json()
        assert (one["problem"], one["price_micro"], one["status"]) == ("upstream_busy", 0, "failed")
        for query, expected in {"slower=1": ["m2"], "status=failed": ["m9"], "model=m0": ["m0"]}.items():
            found = (await program.get(f"/requests?{query}")).json()["items"]
            assert [each["model"] for each in found] == expected
        assert (await program.get(f"/requests/{theirs}")).status_code == 404
        unusable = await program.get("/requests?since=2026-02-02&until=2026-02-01")
        assert unusable.json()["code"] == "period_unusable"
    async with program_of(app, services, office.access, ["bots.read"]) as program:
        assert (await program.get("/requests")).status_code == 403
        assert (await program.get(f"/requests/{failed}")).status_code == 403


async def test_what_was_said_is_read_by_whoever_may_and_the_audit_log_says_so(
    app: ASGIApp, services: Services
) -> None:
    firm = await belongings(app, services)
    usage_id = firm.ids["usage_id"]
    async with browser_of(app, services, firm.access) as browser:
        drawer = (await browser.get(f"/app/requests?request={usage_id}")).text
        assert f"/app/requests/{usage_id}/content" in drawer
        page = text_of((await browser.get(f"/app/requests/{usage_id}/content")).text)
        assert "When do you open?" in page and "/v1/chat/completions" in page
        assert "What a request asked and was answered was read." in (await browser.get("/app/audit")).text
        plain = (await browser.get(f"/api/v1/requests/{usage_id}/content")).json()
        assert plain["asked"]["model"] == "local/extractive"
        assert plain["answered"]["object"] == "chat.completion"
    mate = await teammate_of(services, firm.access, "teammate")
    async with browser_of(app, services, mate) as browser:
        drawer = (await browser.get(f"/app/requests?request={usage_id}")).text
        assert "These figures, and sealed" in drawer and "/content" not in drawer
        assert (await browser.get(f"/app/requests/{usage_id}/content")).status_code == 403
