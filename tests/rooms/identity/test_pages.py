"""The way in and the keys page over HTTP, as a browser uses them, and as an attacker does."""

import itertools
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.app.main import create_app
from callmissed.dashboard.doorway import onward
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import KeyRing, accounts, sessions
from callmissed.identity.problems import KeyRevoked
from tests.support.mailbox import newest_code, newest_letter
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database

hosts = itertools.count(1)


@asynccontextmanager
async def at_browser(app: ASGIApp, base: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser on a network of its own, that takes HTML and follows nothing by itself."""
    n = next(hosts)
    transport = httpx.ASGITransport(
        app=app, client=(f"172.{16 + n // 65536}.{n // 256 % 256}.{n % 256}", 4711)
    )
    headers = {
        "accept": "text/html",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    }
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as made:
        yield made


@pytest.fixture
async def browser(app: ASGIApp, installation: Installation) -> AsyncGenerator[httpx.AsyncClient]:
    """One browser."""
    async with at_browser(app, installation.settings.public_url) as made:
        yield made


@pytest.fixture
def address() -> str:
    """An e-mail address nobody has used."""
    return f"p{uuid7().hex}@namuna.example"


async def sign_in(
    browser: httpx.AsyncClient, services: Services, address: str, wish: str = ""
) -> httpx.Response:
    """Both steps."""
    sent = await browser.post("/sign-in", data={"email": address, "next": wish})
    assert sent.status_code == 303, sent.text
    page = await browser.get(sent.headers["location"])
    assert address in page.text
    code = await newest_code(services, address)
    return await browser.post("/sign-in/code", data={"code": code, "next": wish})


ANSWERS = {"full_name": "Asha Namuna", "organisation": "Namuna Repairs", "adult": "on"}


async def test_from_nobody_to_a_workspace(browser, services, address) -> None:
    door = await browser.get("/app/keys")
    assert door.headers["location"] == "/sign-in?next=/app/keys"
    done = await sign_in(browser, services, address, "/app/keys")
    assert done.headers["location"] == "/welcome?next=/app/keys"
    assert (await browser.get("/welcome")).status_code == 200
    assert (await browser.get("/app/keys")).status_code == 303, "no workspace yet"
    founded = await browser.post("/welcome", data=ANSWERS | {"next": "/app/keys"})
    assert (founded.status_code, founded.headers["location"]) == (303, "/app/keys")
    page = await browser.get("/app/keys")
    assert page.status_code == 200
    assert "Namuna Repairs" in page.text
    assert (await browser.get("/sign-in")).headers["location"] == "/app"
    again = await sign_in(browser, services, address)
    assert again.headers["location"] == "/app", "the second time nothing is asked"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"full_name": " "}, "Write your name"),
        ({"full_name": "x" * 121}, "Write your name"),
        ({"organisation": ""}, "Write the name of your organisation"),
        ({"phone": "12345"}, "This is not a phone number"),
        ({"adult": ""}, "18 years or older"),
    ],
)
async def test_the_questions_say_what_is_missing_and_forget_nothing(
    browser, services, address, change, code
) -> None:
    await sign_in(browser, services, address)
    page = await browser.post("/welcome", data=ANSWERS | change)
    assert page.status_code == 422
    assert code in page.text
    if "organisation" not in change:
        assert "Namuna Repairs" in page.text
    assert (await browser.post("/welcome", data=ANSWERS)).status_code == 303


async def test_no_box_is_ticked_for_anybody(browser, services, address) -> None:
    await sign_in(browser, services, address)
    page = await browser.get("/welcome")
    assert 'type="checkbox"' in page.text
    assert not re.search(r"<input[^>]*\bchecked", page.text)


async def test_the_phone_is_kept_as_given_or_not_at_all(browser, services, address) -> None:
    await sign_in(browser, services, address)
    await browser.post("/welcome", data=ANSWERS | {"phone": "98765 43210"})
    who = await services.get(sessions.SessionReader).who(FakeConnection(browser))
    assert who
    async with services.db.control() as tx:
        assert (await accounts.profile(tx, who.user_id)).phone == "+919876543210"


class FakeConnection:
    """The cookies of a browser, as a connection shows them."""

    def __init__(self, browser: httpx.AsyncClient) -> None:
        self.cookies = dict(browser.cookies)


async def test_nothing_tells_whether_an_account_exists(app, installation, services, address) -> None:
    """The same status, headers and body for an address with an account and one without."""
    await workspace_of_someone(services, address)
    unknown = f"q{uuid7().hex}@namuna.example"
    seen = []
    for typed in (address, unknown):
        async with at_browser(app, installation.settings.public_url) as browser:
            sent = await browser.post("/sign-in", data={"email": typed})
            page = await browser.get(sent.headers["location"])
            wrong = await browser.post("/sign-in/code", data={"code": "000000"})
            seen.append([comparable(reply, typed) for reply in (sent, page, wrong)])
    assert seen[0] == seen[1]


def comparable(reply: httpx.Response, typed: str) -> tuple[int, dict[str, str], str]:
    """A reply without what differs between any two: its number, the cookie's value, the address, the time."""
    headers = {
        k: re.sub(r"cm_sign_in=[^;]+", "", v) for k, v in reply.headers.items() if k not in {"x-request-id"}
    }
    headers["set-cookie"] = re.sub(r"expires=[^;]+", "", headers.get("set-cookie", ""))
    body = re.sub(r"<time.*?</time>", "", reply.text.replace(typed, "@"))
    headers.pop("content-length", None)
    return reply.status_code, headers, body


async def test_the_cookie_is_out_of_reach(browser, services, address) -> None:
    done = await sign_in(browser, services, address)
    cookie = next(each for each in done.headers.get_list("set-cookie") if each.startswith("cm_session="))
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


async def test_in_production_cookies_are_bound_to_host_and_https_and_there_is_no_outbox(
    services: Services, installation: Installation, address
) -> None:
    settings = installation.settings.model_copy(update={"production": True})
    held = replace(services, production=True)
    async with at_browser(create_app(held, settings), "https://127.0.0.1:8000") as browser:
        assert (await browser.get("/outbox")).status_code == 404
        sent = await browser.post("/sign-in", data={"email": address})
        cookie = sent.headers["set-cookie"]
        assert cookie.startswith("__Host-cm_sign_in=")
        assert "Secure" in cookie
        done = await browser.post("/sign-in/code", data={"code": await newest_code(services, address)})
        cookie = next(each for each in done.headers.get_list("set-cookie") if "cm_session" in each)
        assert cookie.startswith("__Host-cm_session=")
        assert {"Secure", "Path=/"} <= {part.strip() for part in cookie.split(";")}


async def test_a_session_given_by_somebody_else_is_not_taken_over(browser, services, address) -> None:
    """Session fixation: whatever cookie stood there before, signing in makes a new one, and ends the old one."""
    browser.cookies.set("cm_session", "planted-by-somebody-else", domain=browser.base_url.host)
    await sign_in(browser, services, address)
    first = browser.cookies["cm_session"]
    assert first != "planted-by-somebody-else"
    await sign_in(browser, services, address)
    assert browser.cookies["cm_session"] != first
    async with services.db.control() as tx:
        assert await sessions.current(tx, first) is None


async def test_signing_out_ends_the_session_itself(browser, services, address) -> None:
    await sign_in(browser, services, address)
    await browser.post("/welcome", data=ANSWERS)
    token = browser.cookies["cm_session"]
    left = await browser.post("/sign-out")
    assert left.headers["location"] == "/"
    assert "cm_session" not in browser.cookies
    browser.cookies.set("cm_session", token, domain=browser.base_url.host)
    assert (await browser.get("/app/keys")).status_code == 303


@pytest.mark.parametrize(
    "wish",
    ["//evil.example", "https://evil.example/app", "/\\evil.example", "/app\\..\\evil", "\\/evil.example", "/app/\r\nX: y",
     "/app@evil.example", "/apple", "javascript:alert(1)", "/app/\t/evil", "/sign-out", " /app", "/app/é", ""],
)  # fmt: skip
async def test_signing_in_leads_nowhere_else(browser, services, address, wish) -> None:
    assert onward(wish) == "/app"
    await workspace_of_someone(services, address)
    done = await sign_in(browser, services, address, wish)
    assert done.headers["location"] == "/app"


@pytest.mark.parametrize("wish", ["/app", "/app/keys", "/app/usage?model=a&day=2026-11-24", "/app?x=1"])
def test_signing_in_leads_to_the_page_one_came_for(wish) -> None:
    assert onward(wish) == wish


async def test_wrong_expired_reused_and_guessed_codes_each_say_so(browser, services, address) -> None:
    await browser.post("/sign-in", data={"email": address})
    code = await newest_code(services, address)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    page = await browser.post("/sign-in/code", data={"code": wrong})
    assert page.status_code == 401
    assert "This is not the code we sent. You have 4 tries left." in page.text
    page = await browser.post("/sign-in/code", data={"code": "12"})
    assert (page.status_code, "A code has six digits." in page.text) == (422, True)
    for _ in range(3):
        await browser.post("/sign-in/code", data={"code": wrong})
    page = await browser.post("/sign-in/code", data={"code": wrong})
    assert page.status_code == 429
    assert page.headers["retry-after"] == "900"
    assert "Too many wrong codes" in page.text
    assert "cm_session" not in browser.cookies


async def test_a_used_code_says_so(browser, services, address) -> None:
    await browser.post("/sign-in", data={"email": address})
    waiting = browser.cookies["cm_sign_in"]
    code = await newest_code(services, address)
    assert (await browser.post("/sign-in/code", data={"code": code})).status_code == 303
    browser.cookies.set("cm_sign_in", waiting, domain=browser.base_url.host)
    page = await browser.post("/sign-in/code", data={"code": code})
    assert page.status_code == 401
    assert "This code was used already" in page.text


async def test_a_new_code_can_be_asked_for(browser, services, address) -> None:
    await browser.post("/sign-in", data={"email": address})
    older = await newest_code(services, address)
    again = await browser.post("/sign-in/again", data={})
    assert "new six-digit code" in (await browser.get(again.headers["location"])).text
    newer = await newest_code(services, address)
    if older != newer:
        assert (await browser.post("/sign-in/code", data={"code": older})).status_code == 401
    assert (await browser.post("/sign-in/code", data={"code": newer})).status_code == 303


async def test_without_having_asked_one_is_sent_to_the_door(browser) -> None:
    assert (await browser.get("/sign-in/code")).headers["location"].startswith("/sign-in")
    assert (await browser.post("/sign-in/again")).headers["location"].startswith("/sign-in")
    assert (await browser.get("/welcome")).headers["location"] == "/sign-in"
    assert (await browser.post("/welcome", data=ANSWERS)).headers["location"] == "/sign-in"
    page = await browser.post("/sign-in/code", data={"code": "123456"})
    assert page.status_code == 401
    assert "no longer valid" in page.text


async def test_a_bad_address_is_said_beside_the_field(browser) -> None:
    page = await browser.post("/sign-in", data={"email": "asha@<script>"})
    assert page.status_code == 422
    assert "not an e-mail address" in page.text
    assert "<script>" not in page.text.split("<main")[1]


async def test_another_site_cannot_sign_anybody_in_or_out(browser, services, address) -> None:
    for path in ("/sign-in", "/sign-in/code", "/sign-out", "/welcome", "/app/keys"):
        refused = await browser.post(path, data={}, headers={"origin": "https://evil.example"})
        assert refused.status_code == 403, path


async def test_no_address_stands_in_a_url(browser, services, address) -> None:
    sent = await browser.post("/sign-in", data={"email": address})
    assert "@" not in sent.headers["location"]
    assert "%40" not in sent.headers["location"]


async def test_the_outbox_shows_letters(browser, services, address) -> None:
    await browser.post("/sign-in", data={"email": address})
    code = await newest_code(services, address)
    kept = await newest_letter(services, address)
    listed = await browser.get("/outbox")
    assert address in listed.text
    opened = await browser.get(f"/outbox/{kept.id}")
    assert code in opened.text
    assert (await browser.get(f"/outbox/{uuid7()}")).status_code == 404


# Keys


@pytest.fixture
async def owner(browser, services, address) -> httpx.AsyncClient:
    """A browser signed in as the owner of a workspace."""
    await workspace_of_someone(services, address)
    await sign_in(browser, services, address)
    return browser


async def test_a_key_is_shown_once(owner, services) -> None:
    made = await owner.post("/app/keys", data={"name": "ci", "days": "90", "allowed": "llm"})
    assert made.headers["cache-control"] == "no-store"
    secret = re.search(r"cm_[0-9A-Za-z]{38}", made.text)
    assert secret
    assert await services.get(KeyRing).resolve(secret[0])
    later = await owner.get("/app/keys")
    assert secret[0] not in later.text
    assert f"cm_…{secret[0][-4:]}" in later.text


async def test_a_key_is_revoked_after_a_question(owner, services) -> None:
    made = await owner.post("/app/keys", data={"name": "ci", "allowed": "llm"})
    secret = re.search(r"cm_[0-9A-Za-z]{38}", made.text)
    assert secret
    key_id = (await services.get(KeyRing).resolve(secret[0])).key_id
    question = await owner.get(f"/app/keys?revoke={key_id}")
    assert f'action="/app/keys/{key_id}/revoke"' in question.text
    assert (await owner.post(f"/app/keys/{key_id}/revoke")).status_code == 303
    with pytest.raises(KeyRevoked):
        for _ in range(100):
            await services.get(KeyRing).resolve(secret[0])
            await asyncio_pause()
    assert "revoked" in (await owner.get("/app/keys")).text


async def asyncio_pause() -> None:
    import asyncio

    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "", "allowed": "llm"}, "Give the key a name"),
        ({"name": "ci", "allowed": ""}, "at least one service"),
    ],
)
async def test_a_key_form_says_what_is_missing(owner, form, said) -> None:
    page = await owner.post("/app/keys", data=form)
    assert page.status_code == 422
    assert said in page.text
    assert not re.search(r"cm_[0-9A-Za-z]{38}", page.text)


async def test_a_key_of_another_workspace_is_not_found(owner, services) -> None:
    from callmissed.identity import create_key

    other = await workspace_of_someone(services)
    async with services.db.tenant(other) as tx:
        made = await create_key(tx, "theirs")
    assert (await owner.post(f"/app/keys/{made.id}/revoke")).status_code == 404
    assert (await owner.get(f"/app/keys?revoke={made.id}")).text.count("<dialog") == (
        await owner.get("/app/keys")
    ).text.count("<dialog")
    assert await services.get(KeyRing).resolve(made.secret)


@pytest.mark.parametrize(
    ("role", "may_see", "may_make"),
    [("teammate", False, False), ("billing", False, False), ("developer", True, True)],
)
async def test_a_role_sees_only_what_it_may(owner, services, address, role, may_see, may_make) -> None:
    who = await services.get(sessions.SessionReader).who(FakeConnection(owner))
    assert who
    assert who.tenant_id
    await change_role(services, who.tenant_id, who.user_id, role)
    assert (await owner.get("/app/keys")).status_code == (200 if may_see else 403)
    made = await owner.post("/app/keys", data={"name": "ci", "allowed": "llm"})
    assert made.status_code == (200 if may_make else 403)


async def change_role(services: Services, tenant_id: UUID, user_id: UUID, role: str) -> None:
    """Give a member another role."""
    from callmissed.foundation.tenancy import Access
    from callmissed.identity import repository
    from callmissed.identity.models import Membership

    async with services.db.tenant(Access.system(tenant_id)) as tx:
        member = await repository.membership(tx, user_id)
        assert member
        member.role = role
        await tx.session.flush()
        # A workspace has one owner at any time: somebody else is it now.
        tx.session.add(Membership(tenant_id=tenant_id, id=uuid7(), user_id=uuid7(), role="owner"))
