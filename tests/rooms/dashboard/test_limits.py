"""The page of limits and budgets: what is used and left of each key, and refusals exactly as a program meets them."""

import html
import json
import re
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.billing import DEFAULT_PLAN, KeyBudget, Ledger, Usage, purse
from callmissed.dashboard.endpoints.limits import TOLD
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import RUPEE, rupees
from callmissed.foundation.services import Services
from callmissed.identity import ROLES, KeyLimits, create_key, revoke_key
from tests.rooms.dashboard.conftest import Office, Open
from tests.rooms.dashboard.test_usage import text_of
from tests.support.people import teammate_of
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database

LIMITS = KeyLimits(requests_per_minute=120, tokens_per_minute=90_000, monthly_budget=rupees("20"))


async def key(office: Office, name: str, limits: KeyLimits | None = None) -> UUID:
    async with office.services.db.tenant(office.access) as tx:
        return (await create_key(tx, name, permissions=["llm"], limits=limits or KeyLimits())).id


async def spend(office: Office, key_id: UUID, micro: int, *, settle: bool = True) -> None:
    """Spend with a key, or only hold."""
    ledger, ref = office.services.get(Ledger), uuid7()
    await ledger.reserve(office.access.tenant_id, ref, micro, KeyBudget(key_id))
    if settle:
        usage = Usage(
            endpoint="chat.completions", model="m", upstream="local", region="IN", status="ok", http_status=200,
            key_id=key_id,
        )  # fmt: skip
        await ledger.settle(office.access.tenant_id, ref, micro, usage)


def rows(page: str) -> dict[str, str]:
    """Name of each key to the words of its row."""
    table = page.partition("ke-limits")[2].partition("</table>")[0]
    found = [text_of(row) for row in re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL)]
    return {row.split()[0]: row for row in found}


async def test_each_working_key_says_what_it_may_and_what_is_left(office: Office) -> None:
    narrowed, plain = await key(office, "crm-sync", LIMITS), await key(office, "website")
    gone = await key(office, "gone")
    async with office.services.db.tenant(office.access) as tx:
        await revoke_key(tx, gone)
    await spend(office, narrowed, 5 * RUPEE)
    await spend(office, narrowed, RUPEE, settle=False)
    await spend(office, plain, 2 * RUPEE)
    page, plan = await office.page("/app/keys/limits"), DEFAULT_PLAN.requests_per_minute
    assert rows(page) == {
        "crm-sync": "crm-sync 120 requests a minute 120 90,000 ₹6 .00 of ₹20 ₹14 .00 Change",
        "website": f"website {plan} requests a minute {plan} plan no limit ₹2 .00 as the wallet holds Change",
    }
    said = text_of(page)
    assert "Spent by keys this month ₹7 .00" in said, "what is only held is not spent"
    async with office.services.db.tenant(office.access) as tx:
        left = (await purse(tx)).available_micro  # of 92 rupees some may be leased for what comes next
    assert 85 * RUPEE < left <= 92 * RUPEE
    assert f"In the wallet ₹{left // RUPEE} ." in said
    assert f'href="/app/keys?edit={narrowed}"' in page


@pytest.mark.parametrize(
    ("spent", "word"), [(15_999_999, ""), (16_000_000, "nearly used"), (20_000_000, "budget reached")]
)
async def test_a_budget_that_runs_out_is_seen(office: Office, spent: int, word: str) -> None:
    await spend(office, await key(office, "crm-sync", LIMITS), spent)
    row = rows(await office.page("/app/keys/limits"))["crm-sync"]
    assert [each for each in ("nearly used", "budget reached") if each in row] == [word] * bool(word)


async def test_no_key_says_how_to_make_one_and_budgets_when_they_begin(office: Office) -> None:
    page = await office.page("/app/keys/limits")
    assert "No key that works" in page
    assert page.count("cm-btn is-primary") == 1
    first = (clock.today().replace(day=1) + timedelta(days=32)).replace(day=1)
    assert f"Budgets begin anew on {first.day} {first:%B}" in page


async def test_a_refusal_on_the_page_is_what_a_program_is_told(
    office: Office, app: ASGIApp, services: Services
) -> None:
    """The budget of a key, asked for in truth and compared with the page; the others have the same maker."""
    async with services.db.tenant(office.access) as tx:
        limits = KeyLimits(monthly_budget=rupees("0.000001"))
        made = await create_key(tx, "poor", permissions=["llm"], limits=limits)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=services.base_url) as program:
        body = {"model": "local/extractive", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {made.secret}"}
        reply = await program.post("/v1/chat/completions", json=body, headers=headers)
    boxes = re.findall(r"<pre[^>]*>(.*?)</pre>", await office.page("/app/keys/limits"), re.DOTALL)
    shown = {}
    for box in map(html.unescape, boxes):
        head, _, document = box.partition("\n\n")
        shown[json.loads(document)["error"]["code"]] = (head.splitlines(), json.loads(document))
    assert list(shown) == list(TOLD)
    head, document = shown["key_budget_exhausted"]
    assert (reply.status_code, reply.json()) == (402, document)
    assert head[0] == "HTTP/1.1 402 Payment Required"
    assert [code for code, (lines, _) in shown.items() if "Retry-After: 3" in lines] == [*list(shown)[:5]]


@pytest.mark.parametrize("role", [each for each in ROLES if each != "owner"])
async def test_whoever_sees_keys_sees_their_limits(
    role: str, office: Office, app: ASGIApp, services: Services
) -> None:
    await key(office, "crm-sync", LIMITS)
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        reply = await browser.get("/app/keys/limits")
    assert reply.status_code == (200 if "keys.read" in ROLES[role] else 403)
    assert ("In the wallet" in reply.text) is ({"keys.read", "billing.read"} <= ROLES[role])


async def test_another_workspaces_keys_are_not_among_them(office: Office, opened: Open) -> None:
    await spend(office, await key(office, "secret-name", LIMITS), RUPEE)
    page = await (await opened()).page("/app/keys/limits")
    assert "secret-name" not in page
    assert "Spent by keys this month ₹0.00" in text_of(page)


async def test_it_speaks_hindi(office: Office) -> None:
    await key(office, "crm-sync", LIMITS)
    said = text_of(await office.page("/app/keys/limits?lang=hi"))
    for words in ("सीमाएँ और बजट", "इस महीने लगा", "सीमा के पार प्रोग्राम को क्या बताया जाता है"):
        assert words in said
