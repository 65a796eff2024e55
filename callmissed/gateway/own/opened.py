"""Keys that workspaces have at suppliers themselves, opened for their calls.

They are sealed at rest and opened only for a workspace that has some. An opened one stays in memory for a minute at most, and no
longer than until the next news of its workspace; each change counts up a number that the key ring tells with every key of the
workspace, so that an older one is used no more once that is known.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from callmissed.foundation.database import Database, Tx
from callmissed.foundation.datamap import Category, Holds, Keep, declare_store
from callmissed.foundation.live import LiveBus
from callmissed.foundation.problems import Problem
from callmissed.foundation.tenancy import Access
from callmissed.foundation.vault import Erased
from callmissed.gateway import repository
from callmissed.gateway.models import ProviderKey
from callmissed.gateway.own.news import mark_refused
from callmissed.gateway.upstreams import Taking
from callmissed.identity import KeyAccess, own_keys

log = logging.getLogger(__name__)

OPEN_SECONDS: Final = 60.0
MARKED_SECONDS: Final = 10.0
"""For so long nothing more is written down of a key that is refused again and again."""
MOST_MARKED: Final = 10_000

declare_store(
    "opened provider keys",
    "memory",
    {"secret": Holds("a workspace's key at a supplier", Category.NONE)},
    Keep(until="a minute, or the next change of the workspace's keys", promise="keep.active"),
)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A workspace's key at one upstream. `server` is where it may be sent, `contract` what the workspace says it stands under.

    `falls_back`: the operator's account may be asked where this one does not answer. `refused` hears when it is not accepted.
    """

    id: UUID
    tenant_id: UUID
    upstream: str
    server: str
    contract: str
    falls_back: bool
    secret: str = field(repr=False)
    refused: "Callable[[OwnKey], None]" = field(repr=False)

    def is_for(self, taking: Taking) -> bool:
        """Whether it may be used there: that is the server for which it was brought."""
        return taking.client.server == self.server


Own = Mapping[str, OwnKey]
"""The keys of a workspace, by upstream."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was opened after so many changes."""

    changes: int
    own: Own


class OwnKeys:
    """Opens keys. One per process; `start` it before the first use and `stop` it with the process."""

    def __init__(self, db: Database, live: LiveBus) -> None:
        self._db = db
        self._live = live
        self._known: dict[UUID, _Known] = {}
        self._opening: dict[tuple[UUID, int], asyncio.Task[Own]] = {}
        self._marking: dict[UUID, asyncio.Task[None]] = {}
        self._marked: dict[UUID, float] = {}
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen for changes."""
        self._listening = asyncio.create_task(self._listen(), name="own keys")
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Finish what is being written down, and forget everything."""
        await asyncio.gather(*self._marking.values(), return_exceptions=True)
        for task in (self._listening, *self._opening.values()):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Problem, SQLAlchemyError):
                    await task
        self._known.clear()

    async def of(self, key: KeyAccess) -> Own:
        """The keys of the workspace that this key calls for, as of the changes that are known of it."""
        known = self._known.get(key.tenant_id)
        if known is not None and known.changes == key.own_keys:
            return known.own
        which = key.tenant_id, key.own_keys
        task = self._opening.get(which)
        if task is None:
            task = self._opening[which] = asyncio.create_task(self._open(*which), name="own keys open")
            task.add_done_callback(lambda _: self._opening.pop(which, None))
        return await asyncio.shield(task)

    async def read(self, tx: Tx) -> Own:
        """The keys of the transaction's workspace, opened now."""
        return MappingProxyType(
            {row.upstream: await self._opened(tx, row) for row in await repository.provider_keys(tx)}
        )

    async def _open(self, tenant_id: UUID, changes: int) -> Own:
        async with self._db.tenant(Access.system(tenant_id)) as tx:
            known = _Known(changes, await self.read(tx))
        self._known[tenant_id] = known
        asyncio.get_running_loop().call_later(OPEN_SECONDS, self._forget, tenant_id, known)
        return known.own

    async def _opened(self, tx: Tx, row: ProviderKey) -> OwnKey:
        try:
            secret = await tx.vault.open(ProviderKey.secret, row.id, row.id, row.secret)
        except Erased:  # its row has come back from a backup: it opens nothing, and nobody else's account stands in for it
            secret = ""
        contract = f"{row.contract}, {row.contract_on}"
        return OwnKey(
            row.id, row.tenant_id, row.upstream, row.server, contract, row.falls_back, secret, self._refused
        )

    def _forget(self, tenant_id: UUID, known: _Known) -> None:
        if self._known.get(tenant_id) is known:
            del self._known[tenant_id]

    def _refused(self, key: OwnKey) -> None:
        """A supplier did not accept a key: have it written down, once at a time, without anybody waiting."""
        now = time.monotonic()
        if key.id not in self._marking and self._marked.get(key.id, 0.0) <= now:
            task = asyncio.create_task(self._mark(key), name="own key refused")
            self._marking[key.id] = task
            task.add_done_callback(lambda _: self._marking.pop(key.id, None))

    async def _mark(self, key: OwnKey) -> None:
        try:
            async with self._db.tenant(Access.system(key.tenant_id)) as tx:
                await mark_refused(tx, key.id)
            if len(self._marked) >= MOST_MARKED:
                self._marked.clear()
            self._marked[key.id] = time.monotonic() + MARKED_SECONDS
        except (Problem, SQLAlchemyError, OSError) as failure:  # the next refusal tries again
            log.warning("a refused provider key could not be marked: %s", type(failure).__name__)

    async def _listen(self) -> None:
        async for news in self._live.listen(own_keys.TOPIC):
            if "tenant" in news:
                self._known.pop(UUID(news["tenant"]), None)
            elif "beat" not in news and "key" not in news:  # some news were missed
                self._known.clear()
