"""The audit log of the workspace: who did what, when, in words, each with its proof; and all of it to take away."""

import csv
import io
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from callmissed.dashboard.audit_words import say
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation import audit, clock, i18n
from callmissed.foundation.audit import AuditLeaf, Wanted
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, services
from callmissed.foundation.pages import reader_language
from callmissed.foundation.problems import NotFound
from callmissed.foundation.tenancy import Access
from callmissed.identity import list_keys, members

router = Router(tags=["audit"])

KINDS = ("key", "visitor", "staff", "system")
ROWS = 50
MOST_IN_A_SHEET = 10_000
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula at the beginning of a cell (CWE-1236)."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What the reader filters by, as typed: an action, a person's id or a kind of actor, and days of India."""

    action: str
    actor: str
    since: str
    until: str

    def wanted(self) -> Wanted:
        """The same for the search. What cannot be read filters nothing."""
        since, until = _day(self.since), _day(self.until)
        person = _id(self.actor)
        return Wanted(
            self.action or None,
            person,
            self.actor if self.actor in KINDS else None,
            _midnight(since) if since else None,
            _midnight(until + timedelta(days=1)) if until else None,
        )


def read_filter(
    action: Annotated[str, Query(max_length=100)] = "",
    actor: Annotated[str, Query(max_length=40)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
) -> Filter:
    """The filter in the address."""
    return Filter(*(each.replace("\0", "") for each in (action, actor, since, until)))


Filtered = Annotated[Filter, Depends(read_filter)]


@dataclass(frozen=True, slots=True)
class Names:
    """Who is behind the ids of a log: teammates, keys, and the row of a membership."""

    people: dict[UUID, str]
    keys: dict[UUID, str]
    members: dict[UUID, str]

    def of(self, leaf: AuditLeaf) -> str:
        """The actor of a leaf by name, staff by their handle; empty when nobody knows it any more."""
        if leaf.actor_kind == "staff":
            return str(leaf.body.get("by", ""))
        known = {**self.people, **self.keys}
        return known.get(leaf.actor_id, "") if leaf.actor_id else ""


@router.get("/app/audit", access=permits("audit.read"))
async def shown(request: Request, tx: TenantTx, filtered: Filtered, before: UUID | None = None) -> Response:
    """The newest leaves that fit; `before` continues after the last one seen."""
    leaves = await audit.search(tx, filtered.wanted(), limit=ROWS + 1, before=before)
    page, places = leaves[:ROWS], await audit.places_of(tx, [leaf.id for leaf in leaves[:ROWS]])
    names = await _names(tx)
    with i18n.speaking(reader_language(request)):
        rows = [_row(leaf, names, places.get(leaf.id)) for leaf in page]
        actions = [(action, say(action, {})) for action in await audit.actions_of(tx)]
    return await workspace_page(
        request,
        tx,
        "dashboard/audit/log.html",
        active="audit",
        rows=rows,
        more=page[-1].id if len(leaves) > ROWS else None,
        filtered=filtered,
        actions=actions,
        people=sorted(names.people.items(), key=lambda each: each[1].casefold()),
        query=str(request.url.query),
    )


@router.get("/app/audit.csv", access=permits("audit.read"))
async def sheet(request: Request, tx: TenantTx, filtered: Filtered) -> Response:
    """The newest 10,000 leaves that fit, as a spreadsheet reads them."""
    leaves = await audit.search(tx, filtered.wanted(), limit=MOST_IN_A_SHEET)
    names, written = await _names(tx), io.StringIO()
    writer = csv.writer(written)
    with i18n.speaking(reader_language(request)):
        writer.writerow(["time", "actor_kind", "actor", "action", "what", "target", "record", "leaf"])
        for leaf in leaves:
            cells = [
                leaf.created_at.isoformat(), leaf.actor_kind, names.of(leaf), leaf.action, say(leaf.action, leaf.body),
                leaf.target_id or "", json.dumps(leaf.body, ensure_ascii=False), leaf.id,
            ]  # fmt: skip
            writer.writerow([_harmless(str(cell)) for cell in cells])
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/app/audit/export", access=permits("audit.read"))
async def export(request: Request) -> Response:
    """Every sealed leaf with its proof, as `callmissed audit verify FILE` reads it. Raises NothingSealed."""
    lines = _export(request)
    first = await anext(lines)  # what is wrong is said before the reply begins

    async def all_lines() -> AsyncGenerator[str]:
        yield first
        async for line in lines:
            yield line

    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"', "Cache-Control": "no-store"}
    return StreamingResponse(all_lines(), media_type="application/x-ndjson", headers=headers)


@router.get("/app/audit/{leaf_id}/proof", access=permits("audit.read"))
async def proof(request: Request, leaf_id: UUID) -> Response:
    """The parts from which a browser verifies one leaf. Raises NotFound while it is not sealed."""
    access: Access = request.state.access
    parts = await audit.proof_of(services(request).db, access.tenant_id, leaf_id)
    if parts is None:
        raise NotFound
    return Response(json.dumps(parts, ensure_ascii=False), media_type="application/json")


async def _export(request: Request) -> AsyncGenerator[str]:
    async with services(request).db.tenant(request.state.access) as tx:
        async for line in audit.export_tenant(tx):
            yield f"{line}\n"


async def _names(tx: Tx) -> Names:
    cards: Sequence[members.MemberCard] = await members.list_members(tx)
    called = {card.user_id: card.name or card.email for card in cards}
    keys = {card.id: card.name for card in await list_keys(tx)}
    return Names(called, keys, {card.id: called[card.user_id] for card in cards})


def _row(leaf: AuditLeaf, names: Names, place: audit.LeafPlace | None) -> dict[str, Any]:
    return {
        "id": leaf.id,
        "at": leaf.created_at,
        "kind": leaf.actor_kind,
        "who": names.of(leaf),
        "what": say(leaf.action, leaf.body),
        "whom": names.members.get(leaf.target_id, "") if leaf.target_id else "",
        "action": leaf.action,
        "target": leaf.target_id,
        "body": json.dumps(leaf.body, ensure_ascii=False, indent=1) if leaf.body else "",
        "place": place,
    }


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(RISKY) else cell


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def _id(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, clock.IST)
