"""Reading reports: OpenAI's usage of an organization, and Anthropic's usage report, page by page.

https://platform.openai.com/docs/api-reference/usage/completions
https://docs.anthropic.com/en/api/admin-api/usage-cost/get-messages-usage-report
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from callmissed.foundation.problems import Problem
from callmissed.gateway.upstreams.http_client import Client

MOST_PAGES: Final = 20
LARGEST: Final = 1_000_000
"""Bytes of one page."""

Page = TypeVar("Page")
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Cursor = Annotated[str, msgspec.Meta(max_length=2_000)]


class ReportRefused(Problem):
    """The supplier does not show its report to this key: it takes one of an administrator of the account there."""

    status = 502
    code = "report_refused"


class ReportUnreadable(Problem):
    """The supplier's report cannot be read, or is not of the day that was asked for."""

    status = 502
    code = "report_unreadable"


@dataclass(frozen=True, slots=True)
class Told:
    """What a supplier counted for one model on one day; requests where it tells them. Tokens read from a cache are among those read."""

    model: str
    requests: int | None
    tokens_in: int
    tokens_out: int


class _OpenAIResult(msgspec.Struct):
    input_tokens: Count
    output_tokens: Count
    num_model_requests: Count
    model: str | None = None


class _OpenAIBucket(msgspec.Struct):
    start_time: int
    results: list[_OpenAIResult]


class _OpenAIPage(msgspec.Struct):
    data: list[_OpenAIBucket]
    has_more: bool = False
    next_page: Cursor | None = None


class _Created(msgspec.Struct):
    ephemeral_1h_input_tokens: Count = 0
    ephemeral_5m_input_tokens: Count = 0


class _AnthropicResult(msgspec.Struct):
    uncached_input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count = 0
    cache_creation: _Created | None = None
    model: str | None = None


class _AnthropicBucket(msgspec.Struct):
    starting_at: datetime
    results: list[_AnthropicResult]


class _AnthropicPage(msgspec.Struct):
    data: list[_AnthropicBucket]
    has_more: bool = False
    next_page: Cursor | None = None


async def openai_report(client: Client, day: date) -> list[Told]:
    """What OpenAI counted on a day. Raises ReportRefused, ReportUnreadable, UpstreamUnreachable, UpstreamSlow and UpstreamBroken."""
    start, end = _bounds(day)
    asked = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
    path = "/organization/usage/completions"
    told: list[Told] = []
    page: str | None = None
    for _ in range(MOST_PAGES):
        more = {"page": page} if page else {}
        query = urlencode({**asked, "bucket_width": "1d", "group_by": "model", "limit": 1, **more})
        read = await _page(client, f"{path}?{query}", _OpenAIPage)
        for bucket in read.data:
            _same(datetime.fromtimestamp(bucket.start_time, UTC), start)
            told += [
                Told(each.model or "", each.num_model_requests, each.input_tokens, each.output_tokens)
                for each in bucket.results
            ]
        page = _next(read.has_more, read.next_page, page)
        if page is None:
            return _summed(told)
    raise ReportUnreadable


async def anthropic_report(client: Client, day: date) -> list[Told]:
    """What Anthropic counted on a day; it tells no requests. Raises as `openai_report` does."""
    start, end = _bounds(day)
    asked = {"starting_at": f"{start:%Y-%m-%dT%H:%M:%SZ}", "ending_at": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    path = "/organizations/usage_report/messages"
    told: list[Told] = []
    page: str | None = None
    for _ in range(MOST_PAGES):
        more = {"page": page} if page else {}
        query = urlencode({**asked, "bucket_width": "1d", "group_by[]": "model", "limit": 1, **more})
        read = await _page(client, f"{path}?{query}", _AnthropicPage)
        for bucket in read.data:
            _same(bucket.starting_at, start)
            told += [Told(each.model or "", None, _read(each), each.output_tokens) for each in bucket.results]
        page = _next(read.has_more, read.next_page, page)
        if page is None:
            return _summed(told)
    raise ReportUnreadable


def _read(result: _AnthropicResult) -> int:
    created = result.cache_creation or _Created()
    cached = (
        result.cache_read_input_tokens + created.ephemeral_1h_input_tokens + created.ephemeral_5m_input_tokens
    )
    return result.uncached_input_tokens + cached


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time.min, UTC)
    return start, start + timedelta(days=1)


def _same(said: datetime, start: datetime) -> None:
    if said.tzinfo is None or said != start:
        raise ReportUnreadable


def _next(has_more: bool, page: str | None, before: str | None) -> str | None:
    """Where to go on. Raises ReportUnreadable for more that leads nowhere."""
    if not has_more:
        return None
    if not page or page == before:
        raise ReportUnreadable
    return page


def _summed(told: Iterable[Told]) -> list[Told]:
    """One for each model."""
    found: dict[str, Told] = {}
    for each in told:
        before = found.get(each.model, Told(each.model, None, 0, 0))
        requests = None if each.requests is None else each.requests + (before.requests or 0)
        found[each.model] = Told(
            each.model, requests, before.tokens_in + each.tokens_in, before.tokens_out + each.tokens_out
        )
    return list(found.values())


async def _page(client: Client, path: str, kind: type[Page]) -> Page:
    with await client.get(path) as answer:
        if answer.status in {401, 403}:
            raise ReportRefused
        if answer.status != 200:
            raise ReportUnreadable
        body = await answer.whole(LARGEST)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ReportUnreadable from None
