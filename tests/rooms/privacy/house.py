"""A healthy installation of its own, and the ways to break it: the database as its own login, facts, probes, pages, the map.

It is not the installation of the other tests: those leave tenants without accounts and rows without charges, which the
promises rightly call broken.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Column, Table
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callmissed.app.crawl import crawl
from callmissed.app.installation import Installation
from callmissed.app.main import create_app
from callmissed.billing import Ledger, Usage, grant
from callmissed.foundation.access_log import AccessLog
from callmissed.foundation.datamap import Holds, Row
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.privacy import Facts, Probes, Result, check_all
from callmissed.privacy.gstin import check_character
from callmissed.privacy.promises.engine import declared
from tests.support.people import workspace_of_someone
from tests.support.staff import look_once, staff_member

OPERATOR = {
    "legal_name": "Namuna Seva Private Limited",
    "registered_office": "12 Nehru Road, Pune 411001",
    "cin": "U72900MH2020PTC345678",
    "gstin": "27AABCN1234K1Z" + check_character("27AABCN1234K1Z"),
    "grievance_officer": "Asha Kulkarni",
    "grievance_email": "grievance@namuna.in",
}
"""An operator whose identity is in order; nobody's."""

USAGE = {
    "endpoint": "chat.completions", "model": "local/extractive", "upstream": "local", "region": "IN", "may_train": False,
    "tokens_in": 3, "tokens_out": 2, "counted_by": "callmissed", "admit_us": 1, "reserve_us": 1, "latency_ms": 1,
    "price_in_micro": 0, "price_out_micro": 0, "price_micro": 0, "status": "ok", "http_status": 200, "streamed": False,
}  # fmt: skip

Change = Callable[[str, list[tuple[bytes, bytes]], bytes], tuple[list[tuple[bytes, bytes]], bytes]]
"""What becomes of one page's headers and body; the first argument is its path."""


@dataclass
class House:
    """The installation with one workspace, whose owner paid for one call. `ref` is that call's reference."""

    services: Services
    installation: Installation
    access: Access
    ref: UUID

    async def check(self, name: str) -> Result:
        """What the check of this promise finds now."""
        [result] = await check_all(self.services, [declared()[name]])
        return result

    async def sql(self, *statements: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run statements as the server's own login, each committed; the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        dsn = self.installation.data.dsn(ADMIN, DATABASE).psycopg
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as admin:
            for statement in statements:
                cursor = await admin.execute(statement.encode(), values or None)
                rows = await cursor.fetchall() if cursor.description else []
        return rows

    @asynccontextmanager
    async def saved(self, table: str, where: str = "true") -> AsyncGenerator[None]:
        """Whatever happens to these rows inside the block is undone after it."""
        rows = await self.sql(f"SELECT to_jsonb(t)::text FROM {table} t WHERE {where}")
        assert rows, "nothing to sabotage"
        try:
            yield
        finally:
            await self.sql(f"DELETE FROM {table} WHERE {where}")
            for (row,) in rows:
                again = (
                    f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %(row)s::jsonb)"
                )
                await self.sql(again, row=row)

    @asynccontextmanager
    async def done(self, do: str, undo: str) -> AsyncGenerator[None]:
        """One statement for the length of the block, and the one that takes it back."""
        await self.sql(do)
        try:
            yield
        finally:
            await self.sql(undo)

    @asynccontextmanager
    async def usage_row(self, at: str = "now()", **values: Any) -> AsyncGenerator[None]:
        """A usage record of the workspace; `at` is SQL."""
        row = {**USAGE, **values}
        given = ", ".join(f"%({name})s" for name in row)
        mine = {"tenant": self.access.tenant_id, "ref": uuid7()}
        await self.sql(
            f"INSERT INTO usage_record (tenant_id, at, id, {', '.join(row)}) VALUES (%(tenant)s, {at}, %(ref)s, {given})",
            **row,
            **mine,
        )
        try:
            yield
        finally:
            await self.sql("DELETE FROM usage_record WHERE id = %(ref)s", ref=mine["ref"])

    @contextmanager
    def facts(self, **changed: Any) -> Generator[None]:
        """The operator says something else."""
        before = self.services.get(Facts)
        self.services.put(replace(before, **changed))
        try:
            yield
        finally:
            self.services.put(before)

    @contextmanager
    def answering(self, name: str, probe: Callable[[], Awaitable[Any]] | None) -> Generator[None]:
        """Another answers this probe's question, or nobody does."""
        known = self.services.get(Probes)._probes
        before = known.pop(name)
        if probe:
            known[name] = probe
        try:
            yield
        finally:
            known[name] = before

    @contextmanager
    def pages(self, change: Change) -> Generator[None]:
        """Every page is sent changed, and the walk goes over those."""
        app = changed(create_app(self.services, self.installation.settings), change)

        async def walk() -> dict[str, list[str]]:
            return await crawl(app, self.services.base_url)

        with self.answering("pages.crawl", walk):
            yield

    @contextmanager
    def mapped(
        self, *columns: Column[Any], table: str = "planted", like: str = "user_account"
    ) -> Generator[None]:
        """The data map holds one more table, which lives as long as the rows of `like`."""
        planted = Table(table, Row.metadata, *columns, info={"row": Row.metadata.tables[like].info["row"]})
        try:
            yield
        finally:
            Row.metadata.remove(planted)

    @contextmanager
    def declaring(self, table: str, column: str, holds: Holds) -> Generator[None]:
        """The map says something else of one column."""
        info = Row.metadata.tables[table].columns[column].info
        before = info["holds"]
        info["holds"] = holds
        try:
            yield
        finally:
            info["holds"] = before


def changed(app: ASGIApp, change: Change) -> ASGIApp:
    """The application with every whole reply changed."""

    async def changing(scope: Scope, receive: Receive, send: Send) -> None:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        headers, body = change(scope["path"], list(sent[0]["headers"]), body)
        await send({**sent[0], "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return changing


async def furnish(services: Services, installation: Installation) -> House:
    """A workspace with an owner, money, and one paid call, into which the operator's bound staff have looked once."""
    access = await workspace_of_someone(services)
    async with services.db.tenant(access) as tx:
        await grant(tx, rupees("100"), "grant", uuid7())
    ref, ledger = uuid7(), services.get(Ledger)
    await ledger.reserve(access.tenant_id, ref, 5_000_000)
    figures = {
        name: USAGE[name] for name in ("endpoint", "model", "upstream", "region", "status", "http_status")
    }
    await ledger.settle(access.tenant_id, ref, 1_500_000, Usage(**figures))
    await look_once(services, await staff_member(services, "support"), access)
    await services.get(AccessLog).begin()
    await services.get(AccessLog).write()
    return House(services, installation, access, ref)
