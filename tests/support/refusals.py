"""What one node does to a workspace, and when another node stops answering: calls, pages, a widget, open streams.

Everything goes over HTTP. The one node (`here`) is told to revoke, to sign out, to close; on the other (`there`) calls are
repeated and streams are held open until they are refused or end.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from callmissed.foundation.services import Services
from callmissed.identity import create_key
from tests.support.closing import Firm, firm_at_work
from tests.support.signed_in import token_of

PAUSE_SECONDS = 0.005
PATIENCE_SECONDS = 20
STEADY_SECONDS = 0.1
HI = [{"role": "user", "content": "Namaste"}]
ENDLESS = {"model": "peer/endless", "messages": HI, "stream": True}
HOME = "/app/inbox"


@dataclass(frozen=True)
class Tenant:
    """A firm with what is needed to use it and to end it: two browsers of its owner, and the key that will be revoked."""

    firm: Firm
    browser: dict[str, str]
    other_browser: dict[str, str]
    key_id: UUID
    secret: str


async def tenant_in_use(services: Services) -> Tenant:
    """A new one."""
    firm = await firm_at_work(services)
    cookies = [{"cm_session": await token_of(services, firm.owner)} for _ in range(2)]
    async with services.db.tenant(firm.owner) as tx:
        key = await create_key(tx, "to be revoked")
    return Tenant(firm, cookies[0], cookies[1], key.id, key.secret)


@dataclass
class Watched:
    """Something on the other node. `ended_at` is when it was refused or ended (`time.monotonic`); `code` is what it said."""

    task: asyncio.Task[None] | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended_at: float = 0.0
    code: str = ""

    async def after(self, since: float) -> float:
        """Seconds from then until it ended; 0 when it had ended already."""
        assert self.task is not None
        done, _ = await asyncio.wait({self.task}, timeout=PATIENCE_SECONDS)
        assert done, f"{self.task.get_name()} goes on"
        self.task.result()
        return max(0.0, self.ended_at - since)


class Watch:
    """What is watched on the other node, by name."""

    def __init__(self, there: httpx.AsyncClient) -> None:
        self._there = there
        self.all: dict[str, Watched] = {}

    def calls(self, name: str, method: str, path: str, **options: Any) -> None:
        """Repeat a request until it is refused."""
        self._begin(name, lambda told: self._repeat(told, method, path, options))

    def stream(self, name: str, method: str, path: str, **options: Any) -> None:
        """Hold a stream open until it ends."""
        self._begin(name, lambda told: self._hold(told, method, path, options))

    async def ready(self) -> None:
        """Wait until everything that is watched has answered once, and goes on."""
        for told in self.all.values():
            begun = asyncio.create_task(told.begun.wait())
            assert told.task is not None
            await asyncio.wait({begun, told.task}, return_when=asyncio.FIRST_COMPLETED)
            if told.task.done():
                told.task.result()
            await begun
        await asyncio.sleep(STEADY_SECONDS)
        assert self.going_on == set(self.all), "something ended before anybody ended it"

    @property
    def going_on(self) -> set[str]:
        """What has neither been refused nor ended."""
        return {name for name, told in self.all.items() if told.task is not None and not told.task.done()}

    async def after(self, since: float) -> dict[str, float]:
        """Seconds from then until each of them ended."""
        return {name: await told.after(since) for name, told in self.all.items()}

    def _begin(self, name: str, work: Any) -> None:
        told = self.all[name] = Watched()
        told.task = asyncio.create_task(work(told), name=name)

    async def _repeat(self, told: Watched, method: str, path: str, options: Mapping[str, Any]) -> None:
        while True:
            reply = await self._there.request(method, path, **options)
            if reply.status_code >= 400:
                told.ended_at, told.code = time.monotonic(), code_of(reply)
                assert told.begun.is_set(), f"{path} was refused from the first: {reply.text}"
                return
            assert reply.status_code == 200, f"{path} answered {reply.status_code}"
            told.begun.set()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _hold(self, told: Watched, method: str, path: str, options: Mapping[str, Any]) -> None:
        async with self._there.stream(method, path, timeout=PATIENCE_SECONDS, **options) as reply:
            assert reply.status_code == 200, await reply.aread()
            async for line in reply.aiter_lines():
                if line.startswith(("event: ready", "data: {")):
                    told.begun.set()
                told.code = found[1] if (found := ERROR.search(line)) else told.code
        told.ended_at = time.monotonic()


ERROR = re.compile(r'^data: {"error":.*"code":"([a-z_]+)"')


def code_of(reply: httpx.Response) -> str:
    """The stable name of what was refused, in the shape of either surface."""
    document = reply.json()
    return document["error"]["code"] if "error" in document else document["code"]


def bearer(secret: str) -> dict[str, str]:
    """The header of a key or of a visitor's token."""
    return {"authorization": f"Bearer {secret}"}


def cookie(held: Mapping[str, str]) -> dict[str, str]:
    """The header of a browser."""
    return {"cookie": "; ".join(f"{name}={value}" for name, value in held.items())}


@asynccontextmanager
async def watching(there: httpx.AsyncClient) -> AsyncGenerator[Watch]:
    """A watch whose requests end with the block."""
    watch = Watch(there)
    try:
        yield watch
    finally:
        tasks = [told.task for told in watch.all.values() if told.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def revoke_key(here: httpx.AsyncClient, watch: Watch, tenant: Tenant) -> float:
    """Revoke a key while it calls and has a stream open there; when the reply came."""
    watch.calls("a call", "GET", "/v1/models", headers=bearer(tenant.secret))
    watch.stream(
        "a streamed answer", "POST", "/v1/chat/completions", json=ENDLESS, headers=bearer(tenant.secret)
    )
    await watch.ready()
    return await _told(here, f"/app/keys/{tenant.key_id}/revoke", tenant)


async def end_session(here: httpx.AsyncClient, watch: Watch, tenant: Tenant) -> float:
    """Sign another browser out while it looks at pages and has its inbox open there; when the reply came."""
    held = cookie(tenant.other_browser)
    watch.calls("a page", "GET", HOME, headers=held)
    watch.stream("an open inbox", "GET", f"{HOME}/events", headers=held)
    await watch.ready()
    return await _told(here, "/app/account/sessions-others", tenant)


async def close_workspace(here: httpx.AsyncClient, watch: Watch, tenant: Tenant) -> float:
    """Close a workspace while everything of it is in use there; when the reply came."""
    use_everything(watch, tenant)
    await watch.ready()
    return await _told(here, "/app/close", tenant, word="ERASE")


def use_everything(watch: Watch, tenant: Tenant) -> None:
    """Call, read, chat, and hold streams open, all at once."""
    firm, held = tenant.firm, cookie(tenant.browser)
    widget, visitor = f"/widget/{firm.widget_id}", bearer(firm.visitor_token)
    watch.calls("a call", "GET", "/v1/models", headers=bearer(firm.secret))
    watch.stream(
        "a streamed answer", "POST", "/v1/chat/completions", json=ENDLESS, headers=bearer(firm.secret)
    )
    watch.calls("a page", "GET", HOME, headers=held)
    watch.stream("an open inbox", "GET", f"{HOME}/events", headers=held)
    watch.calls("a widget's conversation", "GET", f"{widget}/thread", headers=visitor)
    watch.stream("an open widget", "GET", f"{widget}/events", headers=visitor)


async def _told(here: httpx.AsyncClient, path: str, tenant: Tenant, **form: str) -> float:
    """Do this in the owner's browser; when the reply came."""
    reply = await here.post(path, data=form, headers=cookie(tenant.browser))
    assert reply.status_code == 303, f"{path} answered {reply.status_code}: {reply.text[:300]}"
    return time.monotonic()
