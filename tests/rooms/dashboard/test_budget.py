"""The budget of a workspace: on its page and for programs, for whoever may, and for what is asked with and without a key."""

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.billing import month_budget
from callmissed.foundation.money import RUPEE
from callmissed.foundation.services import Services
from callmissed.identity import ROLES
from tests.rooms.dashboard.conftest import Office
from tests.rooms.dashboard.test_usage import text_of
from tests.support.keys import program_of
from tests.support.people import teammate_of
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database

WALLET = "/app/wallet"


async def test_it_is_set_shown_and_lifted(office: Office) -> None:
    assert "There is none" in text_of(await office.page(WALLET))
    await office.spend(2 * RUPEE)
    reply = await office.browser.post(WALLET, data={"budget": "₹ 2,500.50"})
    assert (reply.status_code, reply.headers["location"]) == (303, "/app/wallet?saved=1#budget")
    page = await office.page("/app/wallet?saved=1")
    assert "Saved. It holds from the next call on." in page and 'value="2500.5"' in page
    assert "₹2 .00 of ₹2,500.50" in text_of(page)
    assert "₹2,498 .50 left of ₹2,500.50 this month" in text_of(await office.page("/app/keys/limits"))
    await office.browser.post(WALLET, data={"budget": " "})
    assert "There is none" in text_of(await office.page(WALLET))


@pytest.mark.parametrize("typed", ["0", "-5", "a lot", "10000001", "1e400", "NaN"])
async def test_what_is_no_budget_is_said_and_changes_nothing(typed: str, office: Office) -> None:
    await office.browser.post(WALLET, data={"budget": "100"})
    reply = await office.browser.post(WALLET, data={"budget": typed}, headers={"accept": "text/html"})
    assert "Write an amount in rupees" in text_of(reply.text) and f'value="{typed}"' in reply.text
    async with office.services.db.tenant(office.access) as tx:
        found = await month_budget(tx)
    assert found is not None and found.micro == 100 * RUPEE


async def test_the_playground_and_programs_are_told_when_it_is_used_up(
    office: Office, app: ASGIApp, services: Services
) -> None:
    async with program_of(
        app, services, office.access, ["billing.read", "billing.write", "audit.read"]
    ) as program:
        reply = await program.put("/budget", json={"monthly_micro": RUPEE})
        assert reply.json() == {"monthly_micro": RUPEE, "used_micro": 0, "left_micro": RUPEE}
        await office.spend(RUPEE)
        assert (await program.get("/budget")).json()["left_micro"] == 0
        said = [each["action"] for each in (await program.get("/audit")).json()["items"]]
        assert "billing:budget:set" in said
        key = {"authorization": program.headers["authorization"]}
    transport = httpx.ASGITransport(app=app)
    body = {"model": "local/extractive", "messages": [{"role": "user", "content": "Hello"}]}
    async with httpx.AsyncClient(transport=transport, base_url=services.base_url) as client:
        reply = await client.post("/v1/chat/completions", json=body, headers=key)
    assert (reply.status_code, reply.json()["error"]["code"]) == (402, "budget_exceeded")
    assert "budget reached" in await office.page(WALLET)


@pytest.mark.parametrize(
    "body", [{"monthly_micro": 1}, {"monthly_micro": 10**14}, {"monthly_micro": "x"}, {}]
)
async def test_a_program_gives_a_sensible_amount(
    body, office: Office, app: ASGIApp, services: Services
) -> None:
    async with program_of(app, services, office.access, ["billing.read", "billing.write"]) as program:
        assert (await program.put("/budget", json=body)).status_code == 422
        assert (await program.get("/budget")).json()["monthly_micro"] is None


async def test_what_an_end_user_costs_is_asked_without_naming_them_in_an_address(
    office: Office, app: ASGIApp, services: Services
) -> None:
    async with program_of(app, services, office.access, ["usage.read"]) as program:
        reply = await program.get("/end-user-spending", headers={"x-end-user": "asha@example.in"})
        assert (reply.json()["spent_micro"], reply.json()["held_micro"]) == (0, 0)
        refused = await program.get("/end-user-spending", headers={"x-end-user": "x" * 600})
        assert (refused.status_code, refused.json()["code"]) == (400, "end_user_unusable")


@pytest.mark.parametrize("role", [each for each in ROLES if each != "owner"])
async def test_only_who_may_add_money_sets_it(
    role: str, office: Office, app: ASGIApp, services: Services
) -> None:
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        reply = await browser.post(WALLET, data={"budget": "5"})
        assert reply.status_code == (303 if "billing.write" in ROLES[role] else 403)
        seen = await browser.get(WALLET)
    assert ('action="/app/wallet#budget"' in seen.text) is ("billing.write" in ROLES[role])
