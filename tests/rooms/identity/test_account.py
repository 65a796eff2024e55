"""One's own account over HTTP: sessions seen and ended, a fresh proof without losing a word, a new address, and "not me"."""

import re
from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import KeyRing, accounts, create_key, list_keys, sessions
from callmissed.identity.contact_points import area_of
from callmissed.identity.problems import AccountLocked, KeyRevoked
from tests.support.mailbox import newest_code, newest_letter
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database

COOKIE = sessions.cookie_name(production=False)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


@pytest.fixture
def address() -> str:
    """An e-mail address nobody has used."""
    return f"p{uuid7().hex}@namuna.example"


@pytest.fixture
async def owner(services: Services, address: str) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services, address)


async def token_for(
    services: Services, owner: Access, browser: str = FIREFOX, network: str = "203.0.113.9"
) -> str:
    """A new session of this person."""
    assert owner.actor.id
    async with services.db.control() as tx:
        return await sessions.open_session(
            tx, owner.actor.id, owner.tenant_id, browser, network, methods=("code",)
        )


@pytest.fixture
async def browser(
    services: Services, app: ASGIApp, installation: Installation, owner: Access
) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser that the owner is signed in with."""
    cookies = {COOKIE: await token_for(services, owner)}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport,
        base_url=installation.settings.public_url,
        headers={"accept": "text/html"},
        cookies=cookies,
    ) as made:
        yield made


def held(browser: httpx.AsyncClient) -> str:
    """The token this browser holds, the newest where the jar keeps several."""
    return [cookie.value or "" for cookie in browser.cookies.jar if cookie.name == COOKIE][-1]


def hold(browser: httpx.AsyncClient, token: str) -> None:
    """Have this browser hold another token."""
    browser.cookies.clear()
    browser.cookies.set(COOKIE, token)


# Sessions


@pytest.mark.parametrize(
    ("network", "area"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("testclient", ""),
    ],
)
def test_a_network_is_kept_without_the_part_that_names_a_machine(network: str, area: str) -> None:
    assert area_of(network) == area


async def test_sessions_are_listed_in_words_and_ended_one_by_one(services, owner, browser) -> None:
    other = await token_for(services, owner, CHROME, "198.51.100.7")
    page = await browser.get("/app/account/sessions")
    assert "Firefox on Linux" in page.text
    assert "Chrome on Android" in page.text
    assert "203.0.113.0/24" in page.text
    assert "203.0.113.9" not in page.text
    [end] = re.findall(r'action="(/app/account/sessions/[0-9a-f-]+/end)"', page.text)
    assert (await browser.post(end)).status_code == 303
    async with services.db.control() as tx:
        assert await sessions.current(tx, other) is None
    assert "Chrome on Android" not in (await browser.get("/app/account/sessions")).text


async def test_nobody_ends_the_sessions_of_others(services, browser) -> None:
    stranger = await workspace_of_someone(services)
    token = await token_for(services, stranger)
    async with services.db.control() as tx:
        theirs = await sessions.current(tx, token)
    assert theirs
    assert (await browser.post(f"/app/account/sessions/{theirs.session_id}/end")).status_code == 404
    async with services.db.control() as tx:
        assert await sessions.current(tx, token)


async def test_all_others_and_then_all(services, owner, browser) -> None:
    others = [await token_for(services, owner) for _ in range(3)]
    await browser.post("/app/account/sessions-others")
    async with services.db.control() as tx:
        assert [await sessions.current(tx, each) for each in others] == [None] * 3
    assert (await browser.get("/app/account")).status_code == 200
    assert (await browser.post("/app/account/sessions-all")).headers["location"] == "/sign-in"
    assert (await browser.get("/app/account")).status_code == 303


# Showing again that it is you


NEW_KEY = {"name": "Shop “counter” & more", "days": "30", "allowed": "llm"}


async def test_a_dangerous_form_comes_back_whole_after_the_proof(services, owner, address, browser) -> None:
    with clock.travel(hours=1):
        asked = await browser.post("/app/keys", data=NEW_KEY)
        assert asked.status_code == 403
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
        assert fields["prove_to"] == "/app/keys"
        assert fields["days"] == "30"
        carried = {"prove_to": "/app/keys", "prove_method": "POST", **NEW_KEY}
        sent = await browser.post("/app/prove", data=carried)
        assert address in sent.text
        code = await newest_code(services, address)
        wrong = await browser.post(
            "/app/prove", data=carried | {"prove_code": f"{(int(code) + 1) % 10**6:06}"}
        )
        assert wrong.status_code == 401
        before = held(browser)
        done = await browser.post("/app/prove", data=carried | {"prove_code": code})
        assert (done.status_code, done.headers["location"]) == (307, "/app/keys")
        hold(browser, done.headers["set-cookie"].split(";")[0].split("=")[1])
        assert held(browser) != before, "the token is new after a proof"
        made = await browser.post("/app/keys", data=carried | {"prove_code": code})
        assert made.status_code == 200
        again = await browser.post("/app/prove", data=carried | {"prove_code": code})
        assert again.status_code == 401, "a code works once"
    async with services.db.tenant(owner) as tx:
        assert [key.name for key in await list_keys(tx)] == [NEW_KEY["name"]]
    async with services.db.control() as tx:
        assert await sessions.current(tx, before) is None


async def test_five_wrong_codes_and_that_code_is_over(services, address, browser) -> None:
    with clock.travel(hours=1):
        carried = {"prove_to": "/app/keys", "prove_method": "POST"}
        await browser.post("/app/prove", data=carried)
        code = await newest_code(services, address)
        for _ in range(5):
            await browser.post("/app/prove", data=carried | {"prove_code": f"{(int(code) + 1) % 10**6:06}"})
        assert (await browser.post("/app/prove", data=carried | {"prove_code": code})).status_code == 429


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/app\\..\\evil", "/elsewhere"])
async def test_a_proof_leads_nowhere_else(services, address, browser, to) -> None:
    await browser.post("/app/prove", data={"prove_to": to})
    code = await newest_code(services, address)
    done = await browser.post("/app/prove", data={"prove_to": to, "prove_code": code})
    assert (done.status_code, done.headers["location"]) == (303, "/app")


# Who they are


async def test_name_phone_and_language_are_corrected(services, owner, browser) -> None:
    bad = await browser.post("/app/account", data={"full_name": "Asha", "phone": "12", "language": "en"})
    assert bad.status_code == 422
    assert 'value="Asha"' in bad.text
    told = {"full_name": "Asha Namuna-Rao", "phone": "98765 43210", "language": "hi"}
    assert (await browser.post("/app/account", data=told)).status_code == 303
    async with services.db.control() as tx:
        profile = await accounts.profile(tx, owner.actor.id)
    assert (profile.full_name, profile.phone, profile.language) == ("Asha Namuna-Rao", "+919876543210", "hi")


async def change_address(services: Services, browser: httpx.AsyncClient, new: str) -> httpx.Response:
    """The whole change, as a person does it."""
    assert (await browser.post("/app/account/email", data={"email": new})).status_code == 303
    code = await newest_code(services, new)
    return await browser.post("/app/account/email/code", data={"code": code})


async def test_a_new_address_is_proven_and_told_to_the_old_one(services, owner, address, browser) -> None:
    new = f"new{uuid7().hex}@namuna.example"
    other = await token_for(services, owner)
    assert (await change_address(services, browser, new)).status_code == 303
    async with services.db.control() as tx:
        assert (await accounts.profile(tx, owner.actor.id)).email == new
        assert await sessions.current(tx, other) is None, "other browsers are signed out"
    assert "was changed" in (await newest_letter(services, address)).letter.subject
    assert (await browser.get("/app/account")).status_code == 200, "this browser goes on"


async def test_an_address_in_use_is_not_taken(services, browser) -> None:
    taken = f"taken{uuid7().hex}@namuna.example"
    await workspace_of_someone(services, taken)
    refused = await change_address(services, browser, taken)
    assert refused.status_code == 409


# Warnings


async def test_a_browser_not_seen_before_is_told_of_and_a_known_one_is_not(services, owner, address) -> None:
    await token_for(services, owner, FIREFOX)
    with pytest.raises(RuntimeError):
        await newest_letter(services, address)
    await token_for(services, owner, FIREFOX)
    with pytest.raises(RuntimeError):
        await newest_letter(services, address)
    await token_for(services, owner, CHROME)
    letter = (await newest_letter(services, address)).letter
    assert "Chrome on Android" in letter.text


async def not_me_link(services: Services, address: str) -> str:
    """The path of the link in the newest warning."""
    found = re.search(r"http\S*(/not-me/[0-9a-f]+)", (await newest_letter(services, address)).letter.text)
    assert found
    return found[1]


async def test_it_was_not_me_stops_everything_until_the_address_is_proven(
    services, owner, address, browser
) -> None:
    ring = services.get(KeyRing)
    async with services.db.tenant(owner) as tx:
        first = await create_key(tx, "mine")
    async with services.db.tenant(owner) as tx:
        second = await create_key(tx, "not mine")
    await change_address(services, browser, f"evil{uuid7().hex}@namuna.example")
    await ring.resolve(first.secret)
    link = await not_me_link(services, address)

    looked = await browser.get(link)
    assert looked.status_code == 200
    assert (await browser.get("/app/account")).status_code == 200, "looking changes nothing"
    assert (await browser.post(link)).status_code == 200

    assert (await browser.get("/app/account")).status_code == 303
    for made in (first, second):
        with pytest.raises(KeyRevoked):
            await ring.resolve(made.secret)
    async with services.db.control() as tx:
        assert (await accounts.profile(tx, owner.actor.id)).email == address, "the change is undone"
    with pytest.raises(AccountLocked):
        async with services.db.control() as tx:
            await sessions.open_session(tx, owner.actor.id, owner.tenant_id, FIREFOX)
    assert (await browser.post(link)).status_code == 410, "once"

    hold(browser, await token_for(services, owner))
    assert (await browser.get("/app/keys")).status_code == 303, "signed in, but nothing is open yet"
    assert (await browser.get("/sign-in")).headers["location"] == "/restore"
    page = await browser.get("/restore")
    assert "not mine" in page.text
    assert (await browser.post("/restore", data={"keys": str(first.id)})).status_code == 303
    assert (await browser.get("/app/account")).status_code == 200
    assert (await ring.resolve(first.secret)).tenant_id == owner.tenant_id
    with pytest.raises(KeyRevoked):
        await ring.resolve(second.secret)


async def test_a_link_is_signed_and_ends_after_seven_days(services, owner, address, browser) -> None:
    async with services.db.tenant(owner) as tx:
        await create_key(tx, "ci")
    link = await not_me_link(services, address)
    for forged in (link[:-1] + ("0" if link[-1] != "0" else "1"), "/not-me/x", "/not-me/" + "0" * 96):
        assert (await browser.get(forged)).status_code == 410
    with clock.travel(days=6.9):
        assert (await browser.get(link)).status_code == 200
    with clock.travel(days=7.1):
        assert (await browser.get(link)).status_code == 410
        assert (await browser.post(link)).status_code == 410


# Leaving, over HTTP


async def test_closing_takes_the_word_and_a_fresh_proof_and_can_be_taken_back(
    services, owner, browser
) -> None:
    page = await browser.get("/app/close")
    assert "ERASE" in page.text
    assert (await browser.post("/app/close", data={"word": "erase"})).status_code == 422
    with clock.travel(hours=1):
        assert (await browser.post("/app/close", data={"word": "ERASE"})).status_code == 403
    done = await browser.post("/app/close", data={"word": "ERASE"})
    assert done.headers["location"] == "/closed"
    assert (await browser.get("/app/keys")).headers["location"] == "/closed"
    assert (await browser.get("/sign-in")).status_code == 303
    told = await browser.get("/closed")
    assert "Open it again" in told.text
    assert (await browser.post("/closed/open")).headers["location"] == "/app"
    assert (await browser.get("/app/keys")).status_code == 200


async def test_an_owner_closes_the_workspace_before_the_account(browser) -> None:
    refused = await browser.post("/app/close-account", data={"word": "ERASE"})
    assert refused.status_code == 409
    assert (await browser.post("/app/leave")).headers["location"] == "/app/leave?problem=owns"
