"""What the pages of usage and of requests share: what of the log is looked at, its rows, one request opened, and the file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from callmissed import billing, bots, identity
from callmissed.dashboard import sheets, shelves, spending
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.http import services
from callmissed.foundation.i18n import t
from callmissed.foundation.problems import Problem
from callmissed.gateway import content_kept_until

AT_ONCE = 1000
"""Rows of a file that are fetched in one transaction."""

SPANS = (1, 7, 30, 90)
"""Days that can be chosen with one click; any other number up to 90 works in the address."""

SLOW = (1, 3, 10)
"""Seconds that can be chosen with one click, likewise."""

PLAYGROUND = "playground"
"""What is asked for by people who try a model."""

COLUMNS = (
    "time_ist", "request_id", "model", "upstream", "region", "tried_before", "endpoint", "key", "bot", "tokens_in",
    "tokens_out", "counted_by", "admit_us", "reserve_us", "first_token_ms", "total_ms", "status", "http_status", "problem",
    "inr_per_10_lakh_in", "inr_per_10_lakh_out", "unit", "units", "cost_inr", "options", "own_key",
)  # fmt: skip


class Choice(BaseModel):
    """What of the usage is looked at: the last so many days, and optionally one model, key or outcome.

    `request` is opened in the drawer.
    """

    HOME: ClassVar[str] = "/app/usage"

    days: int = Field(30, ge=1, le=90)
    model: str | None = Field(None, max_length=100, pattern="^[^\\x00]*$")
    key: UUID | None = None
    status: Literal["ok", "cancelled", "failed"] | None = None
    by: Literal["model", "key"] = "model"
    request: UUID | None = None

    def link(self, path: str = "", /, **changes: object) -> str:
        """The address of this choice, changed; without an opened request or a turned page unless they are named."""
        held = self.model_dump(exclude={"request", "before"}, exclude_defaults=True) | changes
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        query = {name: value for name, value in held.items() if value != usual.get(name)}
        return (path or self.HOME) + ("?" + urlencode(query) if query else "")

    def turned(self, **changes: object) -> str:
        """The address of this choice, changed, on the page of it that is looked at."""
        return self.link(**changes)

    @property
    def is_narrowed(self) -> bool:
        """Whether less than the whole span is looked at."""
        return bool(self.model or self.key or self.status)

    def filter(self) -> billing.UsageFilter:
        """The same for billing, until now."""
        return billing.UsageFilter(
            *billing.usage_span(self.days), model=self.model, key_id=self.key, status=self.status
        )


class LogChoice(Choice):
    """What of the log is looked at: also one day in India instead of a span, and only what took longer than so many seconds.

    `before` turns to the rows older than it.
    """

    HOME: ClassVar[str] = "/app/requests"

    day: date | None = Field(None, ge=date(2020, 1, 1), le=date(2100, 1, 1))
    slower: int | None = Field(None, ge=1, le=600)
    before: UUID | None = None

    def turned(self, **changes: object) -> str:
        """The address of this choice, changed, on the page of it that is looked at."""
        return self.link(before=self.before, **changes)

    @property
    def is_narrowed(self) -> bool:
        """Whether less than the whole span, or day, is looked at."""
        return bool(super().is_narrowed or self.slower)

    @property
    def beside_day(self) -> dict[str, object]:
        """What stays chosen when a day is."""
        return self.model_dump(exclude={"request", "before", "day", "days"}, exclude_defaults=True)

    def filter(self) -> billing.UsageFilter:
        """The same for billing."""
        since, until = billing.usage_span(self.days)
        if self.day:
            since = datetime.combine(self.day, time(), clock.IST)
            until = since + timedelta(days=1)
        slower_ms = self.slower * 1000 if self.slower else None
        return billing.UsageFilter(
            since, until, model=self.model, key_id=self.key, status=self.status, slower_ms=slower_ms
        )


@dataclass(frozen=True, slots=True)
class Names:
    """What the workspace's keys (revoked ones too) and bots are called."""

    keys: Mapping[UUID, str]
    bots: Mapping[UUID, str]

    def of(self, name: str) -> str:
        """Whose a cost is that is told by key (see `billing.Cost`)."""
        known = {str(each): called for each, called in (*self.keys.items(), *self.bots.items())}
        return known.get(name) or (t("Playground") if name == PLAYGROUND else name)


async def names(tx: Tx) -> Names:
    """What keys and bots are called now."""
    return Names(
        {card.id: card.name for card in await identity.list_keys(tx)},
        {bot.id: bot.name for bot in await bots.list_bots(tx)},
    )


async def shown(tx: Tx, choice: Choice, rows: Sequence[billing.Used]) -> dict[str, Any]:
    """What rows and drawer are drawn from: the opened request and its neighbours. Raises UsageNotFound."""
    opened = await billing.used(tx, choice.request) if choice.request else None
    above, below = spending.neighbours(rows, opened)
    called = await names(tx)
    return {
        "choice": choice,
        "rows": rows,
        "names": called,
        "keys": called.keys,
        "bots": called.bots,
        "opened": opened,
        "above": above,
        "below": below,
        "wrong": Problem.catalogue.get(opened.problem or "") if opened else None,
        "spending": spending,
        "place": shelves.place,
        "kept_until": await content_kept_until(tx, opened.id) if opened else None,
        "may_read_prompts": bool(tx.access and tx.access.may("prompts.read")),
        "may_see_inbox": bool(tx.access and tx.access.may("inbox.read")),
    }


async def file_of(request: Request, tx: Tx, choice: LogChoice) -> StreamingResponse:
    """Every request of a choice as a file, newest first. It is fetched in parts, so its size does not matter."""
    wanted, called = choice.filter(), await names(tx)

    async def lines() -> AsyncGenerator[str]:
        yield sheets.MARK + sheets.row(COLUMNS)
        last: UUID | None = None
        while True:
            async with services(request).db.tenant(request.state.access) as part:
                rows = await billing.requests(part, wanted, AT_ONCE, last)
            for row in rows:
                yield _line(row, called)
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].id

    return sheets.sheet(f"requests-{wanted.since:%Y-%m-%d}-to-{wanted.until:%Y-%m-%d}", lines())


def _line(row: billing.Used, called: Names) -> str:
    key = called.keys.get(row.key_id, str(row.key_id)) if row.key_id else None
    bot = called.bots.get(row.bot_id, str(row.bot_id)) if row.bot_id else None
    cells = (
        sheets.ist(row.at), str(row.id), row.model, row.upstream, row.region, row.tried, row.endpoint, key, bot,
        row.tokens_in, row.tokens_out, row.counted_by, row.admit_us, row.reserve_us, row.first_token_ms, row.latency_ms,
        row.status, row.http_status, row.problem, sheets.inr(row.price_in_micro), sheets.inr(row.price_out_micro),
        row.unit, row.units, sheets.inr(row.price_micro), row.options,
        "yes" if row.own_key else "no",
    )  # fmt: skip
    return sheets.row(cells)
