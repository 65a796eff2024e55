"""The team's pages over HTTP: coming in by a link, what a stranger sees, leaving, going between workspaces."""

import re

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from tests.support.mailbox import newest_code
from tests.support.people import account_of, link_to, member_id_of, teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


def address() -> str:
    return f"p{uuid7().hex}@namuna.example"


async def invited(
    app: ASGIApp, services: Services, owner: Access, email: str, role: str = "developer"
) -> str:
    """Invite through the page; the path of the link in the letter."""
    async with browser_of(app, services, owner) as browser:
        sent = await browser.post("/app/team/invitations", data={"email": email, "role": role})
        assert sent.status_code == 303
        assert email in (await browser.get("/app/team?tab=invitations")).text
    return f"/app/invitation/{await link_to(services, email)}"


async def test_a_new_person_comes_in_without_founding_anything(app, services, owner, client) -> None:
    email = address()
    link = await invited(app, services, owner, email)
    door = await client.get(link)
    assert "Namuna Repairs" in door.text
    assert "Asha Namuna" not in door.text
    assert email not in door.text
    assert door.headers["referrer-policy"] == "no-referrer"
    await client.post("/sign-in", data={"email": email, "next": link})
    done = await client.post("/sign-in/code", data={"code": await newest_code(services, email), "next": link})
    assert done.headers["location"] == link
    page = await client.get(link)
    assert "Asha Namuna asks you into Namuna Repairs" in page.text
    assert "Developer" in page.text
    refused = await client.post(link, data={"full_name": "Ravi"})
    assert (refused.status_code, "18 years or older" in refused.text) == (422, True)
    assert (await client.post(link, data={"full_name": "Ravi", "adult": "on"})).headers["location"] == "/app"
    assert (await client.get("/app/bots")).status_code == 200
    assert (await client.get("/app/settings", headers={"accept": "text/html"})).status_code == 403
    assert (await client.get(link)).status_code == 410


async def test_a_stolen_link_is_refused_to_somebody_else(app, services, owner) -> None:
    email = address()
    link = await invited(app, services, owner, email, "admin")
    thief = await workspace_of_someone(services)
    async with browser_of(app, services, thief) as browser:
        page = await browser.get(link)
        assert "Asha Namuna asks" not in page.text
        assert "Sign out, to sign in with that address" in page.text
        tried = await browser.post(link, data={"full_name": "x", "adult": "on"})
        assert tried.status_code == 403
        assert "sent to another address" in tried.text
        assert (await browser.get("/app/team")).text.count("Asha Namuna") >= 1
    async with browser_of(app, services, owner) as browser:
        assert "expired" not in (await browser.get("/app/team?tab=invitations")).text


async def test_a_link_nobody_sent_and_a_stranger_without_session(client) -> None:
    assert (await client.get(f"/app/invitation/{'x' * 43}")).status_code == 404
    away = await client.post(f"/app/invitation/{'x' * 43}")
    assert away.headers["location"].startswith("/sign-in?next=/app/invitation/")


async def test_a_full_plan_is_said_beside_the_field(app, services, owner) -> None:
    async with browser_of(app, services, owner) as browser:
        for _ in range(4):
            await browser.post("/app/team/invitations", data={"email": address(), "role": "teammate"})
        full = await browser.post(
            "/app/team/invitations", data={"email": "one-more@namuna.example", "role": "teammate"}
        )
    assert full.status_code == 409
    assert "Every seat of your plan is taken" in full.text
    assert "one-more@namuna.example" in full.text
    assert "5 of 5 seats" in full.text


async def test_who_is_removed_is_out_with_the_next_request(app, services, owner) -> None:
    mate = await teammate_of(services, owner, "admin")
    async with browser_of(app, services, mate) as theirs, browser_of(app, services, owner) as mine:
        assert (await theirs.get("/app/team")).status_code == 200
        member = await member_id_of(services, mate)
        assert "Remove from the team" in (await mine.get(f"/app/team?member={member}")).text
        assert (await mine.post(f"/app/team/members/{member}/remove")).status_code == 303
        assert (await theirs.get("/app/team")).headers["location"] == "/sign-in?next=/app/team"
        assert (await theirs.post("/app/bots", data={"name": "x"})).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "members/{}/role",
        "members/{}/remove",
        "invitations/{}/resend",
        "invitations/{}/withdraw",
        "roles/{}/remove",
    ],
)
async def test_ids_of_another_workspace_answer_404(app, services, owner, path) -> None:
    other = await workspace_of_someone(services)
    foreign = await member_id_of(services, await teammate_of(services, other, "teammate"))
    async with browser_of(app, services, owner) as browser:
        reply = await browser.post(f"/app/team/{path.format(foreign)}", data={"role": "admin"})
    assert reply.status_code == 404


async def test_a_role_is_made_given_and_kept_from_more(app, services, owner) -> None:
    async with browser_of(app, services, owner) as browser:
        made = await browser.post(
            "/app/team/roles", data={"name": "Shift lead", "permissions": ["team.read", "team.write"]}
        )
        assert made.status_code == 303
        page = await browser.get("/app/team?tab=roles")
        role = re.search(r"role=([0-9a-f-]{36})", page.text)
        assert role
        raised = await browser.post("/app/team/roles", data={"name": "King", "permissions": ["tenant.close"]})
        assert raised.status_code == 403
    lead = await teammate_of(services, owner, role[1])
    async with browser_of(app, services, lead) as browser:
        page = await browser.get("/app/team?invite=1")
        assert f'value="{role[1]}"' in page.text
        assert '<option value="admin"' not in page.text
        tried = await browser.post("/app/team/invitations", data={"email": address(), "role": "admin"})
        assert tried.status_code == 403


async def test_the_workspace_changes_hands_on_the_page(app, services, owner) -> None:
    mate = await teammate_of(services, owner, "teammate")
    async with browser_of(app, services, owner) as mine, browser_of(app, services, mate) as theirs:
        await mine.post("/app/team/owner/offer", data={"member": str(await member_id_of(services, mate))})
        assert "You offered this workspace" in (await mine.get("/app/team")).text
        assert "offers you this workspace" in (await theirs.get("/app/team")).text
        assert (await mine.post("/app/team/owner/take")).status_code == 404
        assert (await theirs.post("/app/team/owner/take")).status_code == 303
        assert (await theirs.get("/app/settings")).status_code == 200
        assert (await mine.get("/app/settings")).status_code == 403


async def test_another_workspace_is_founded_and_switched_to(app, services, owner) -> None:
    async with browser_of(app, services, owner) as browser:
        assert (await browser.post("/app/workspaces", data={"organisation": " "})).status_code == 422
        assert (
            await browser.post("/app/workspaces", data={"organisation": "Dusri Dukan"})
        ).status_code == 303
        page = (await browser.get("/app/team")).text
        assert "Dusri Dukan" in page
        assert "Namuna Repairs" in page, "the other one is in the switcher"
        await browser.post("/app/workspaces/go", data={"tenant": str(owner.tenant_id)})
        saved = await browser.post("/app/settings", data={"name": "Namuna & Sons"})
        assert saved.status_code == 303
        assert "Namuna &amp; Sons" in (await browser.get("/app/settings")).text
        stranger = await workspace_of_someone(services)
        away = await browser.post("/app/workspaces/go", data={"tenant": str(stranger.tenant_id)})
        assert away.status_code == 404


async def test_leaving_leads_out(app, services, owner) -> None:
    mate = await teammate_of(services, owner, "teammate", email := address())
    async with browser_of(app, services, mate) as browser:
        assert (await browser.post("/app/leave")).headers["location"] == "/welcome"
        assert (await browser.get("/app/team")).status_code == 303
    async with browser_of(app, services, owner) as browser:
        assert email not in (await browser.get("/app/team")).text
        assert (await browser.post("/app/leave")).headers["location"] == "/app/leave?problem=owns"


async def test_a_teammates_name_is_not_run_as_markup(app, services, owner) -> None:
    email = address()
    user_id = await account_of(services, email)
    from callmissed.identity.service.accounts import introduce

    async with services.db.control() as tx:
        await introduce(tx, user_id, "<img src=x>", "", adult=True)
    await teammate_of_account(app, services, owner, email)
    async with browser_of(app, services, owner) as browser:
        assert "<img" not in (await browser.get("/app/team")).text


async def teammate_of_account(app: ASGIApp, services: Services, owner: Access, email: str) -> None:
    """Have somebody with an account come in through the page."""
    link = await invited(app, services, owner, email, "teammate")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=services.base_url
    ) as browser:
        await browser.post("/sign-in", data={"email": email})
        await browser.post("/sign-in/code", data={"code": await newest_code(services, email)})
        assert (await browser.post(link)).status_code == 303
