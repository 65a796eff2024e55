"""Browsers at the way in, over HTTP: each on a network of its own, taking HTML, following nothing by itself."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from tests.support.mailbox import newest_code

hosts = itertools.count(1)

ANSWERS = {"full_name": "Asha Namuna", "organisation": "Namuna Repairs", "adult": "on"}


def new_address() -> str:
    """An e-mail address nobody has used."""
    return f"p{uuid7().hex}@namuna.example"


@asynccontextmanager
async def at_browser(app: ASGIApp, base: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser, as its user begins: without cookies."""
    n = next(hosts)
    transport = httpx.ASGITransport(app=app, client=(f"10.{n // 65536}.{n // 256 % 256}.{n % 256}", 4711))
    headers = {
        "accept": "text/html",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    }
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as made:
        yield made


async def type_code(
    browser: httpx.AsyncClient, services: Services, address: str, wish: str = ""
) -> httpx.Response:
    """Ask for a code and type it: the reply to that."""
    sent = await browser.post("/sign-in", data={"email": address, "next": wish})
    assert sent.status_code == 303, sent.text
    code = await newest_code(services, address)
    return await browser.post("/sign-in/code", data={"code": code, "next": wish})


async def found_workspace(browser: httpx.AsyncClient, services: Services, address: str) -> None:
    """Sign up, with a workspace."""
    await type_code(browser, services, address)
    assert (await browser.post("/welcome", data=ANSWERS)).status_code == 303
