"""A person with a second factor, over HTTP: their phone, setting it up, and how their session was proven."""

import re

import httpx

from callmissed.foundation import clock
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import ROLES, otp, sessions
from tests.support.mailbox import newest_letter

SECURITY = "/app/account/security"


class Phone:
    """A phone with an app: its secret, and a clock that may be off."""

    def __init__(self, secret: str, *, off_seconds: int = 0) -> None:
        self.secret = secret
        self.off_seconds = off_seconds

    def shows(self) -> str:
        """The code it shows now."""
        return otp.code_at(self.secret, (int(clock.now().timestamp()) + self.off_seconds) // otp.STEP_SECONDS)


async def add_app(visitor: httpx.AsyncClient) -> tuple[Phone, list[str]]:
    """Set up an app on the page: the phone, and the recovery codes that were shown."""
    began = await visitor.post(f"{SECURITY}/apps", data={"app_name": "My phone"})
    assert began.status_code == 303, began.text
    page = await visitor.get(began.headers["location"])
    found = re.search(r"\b[A-Z2-7]{32}\b", page.text)
    assert found
    assert 'class="ac-qr"' in page.text
    phone = Phone(found[0])
    done = await visitor.post(began.headers["location"], data={"code": phone.shows()})
    assert done.status_code == 200, done.text
    return phone, re.findall(r"<span>([0-9A-Z]{5}-[0-9A-Z]{5})</span>", done.text)


class Seen:
    """A browser as the session's reader sees a connection."""

    def __init__(self, visitor: httpx.AsyncClient) -> None:
        self.cookies = dict(visitor.cookies)


async def who(services: Services, visitor: httpx.AsyncClient) -> sessions.Current | None:
    """Who is signed in at this browser."""
    return await services.get(sessions.SessionReader).who(Seen(visitor))


async def methods(services: Services, visitor: httpx.AsyncClient) -> tuple[str, ...]:
    """How the session of this browser was proven."""
    found = await who(services, visitor)
    assert found
    return found.methods


async def owner_at(services: Services, visitor: httpx.AsyncClient) -> Access:
    """The owner who is signed in at this browser."""
    async with services.db.control() as tx:
        who = await sessions.current(tx, visitor.cookies[sessions.cookie_name(production=False)])
    assert who
    assert who.tenant_id
    return Access(who.tenant_id, Actor("user", who.user_id), ROLES["owner"])


async def thief_adds_an_app(
    services: Services, visitor: httpx.AsyncClient, address: str
) -> tuple[Phone, str]:
    """Somebody else's app on this account, and the path of the link in the warning about it."""
    phone, _ = await add_app(visitor)
    found = re.search(r"http\S*(/not-me/[0-9a-f]+)", (await newest_letter(services, address)).letter.text)
    assert found
    return phone, found[1]
