"""What suppliers say they counted, held against what was metered: pages, days, keys, garbage, files, and what is shown."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from callmissed.billing.models import UsageRecord
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Upstreams, UpstreamSettings, supplier_reports
from callmissed.gateway.problems import UpstreamUnknown
from callmissed.gateway.reports import tasks
from callmissed.gateway.reports.imported import ReportFileWrong
from callmissed.gateway.reports.reading import MOST_PAGES, ReportRefused, ReportUnreadable
from callmissed.gateway.reports.sources import Reports
from tests.rooms.gateway.served import PRICE
from tests.support.people import workspace_of_someone
from tests.support.report_peer import KEY, ReportPeer, running_report_peer

pytestmark = pytest.mark.database

DAY = datetime(2026, 11, 12, tzinfo=UTC)
ENTRY = """
[[upstream]]
name = "{name}"
kind = "{kind}"
base_url = "{base_url}"
region = "US"
contract = "written down"
report = "{kind}"
report_key = "{key}"
[[upstream.model]]
id = "{name}/small"
served_as = "small-4"
"""
USAGE: dict[str, Any] = {
    "endpoint": "chat.completions", "region": "US", "may_train": False, "counted_by": "upstream", "admit_us": 1, "reserve_us": 1,
    "latency_ms": 1, "price_in_micro": 0, "price_out_micro": 0, "price_micro": 0, "http_status": 200, "streamed": False,
}  # fmt: skip


NEGATIVE = json.dumps(
    {
        "data": [
            {
                "start_time": int(DAY.timestamp()),
                "starting_at": DAY.isoformat(),
                "results": [
                    {
                        "input_tokens": -1,
                        "uncached_input_tokens": -1,
                        "output_tokens": 1,
                        "num_model_requests": 1,
                    }
                ],
            }
        ]
    }
).encode()


@pytest.fixture
async def peer() -> AsyncGenerator[ReportPeer]:
    async with running_report_peer() as made:
        yield made


@pytest.fixture
async def two(services: Services, peer: ReportPeer, tmp_path: Path) -> AsyncGenerator[dict[str, str]]:
    """The names of two suppliers that tell: one as OpenAI does, one as Anthropic."""
    names = {kind: f"{kind}-{uuid7().hex[-8:]}" for kind in ("openai", "anthropic")}
    file = tmp_path / "upstreams.toml"
    prices = "".join(f"{key} = {value}\n" for key, value in PRICE.items())
    entries = (
        ENTRY.format(name=name, kind=kind, base_url=peer.base_url, key=KEY) for kind, name in names.items()
    )
    file.write_text("".join(each + prices for each in entries))
    before = services.get(Upstreams), services.get(Reports)
    upstreams = Upstreams(services.db, UpstreamSettings(file=file, look=False, india_only=False))
    await upstreams.start()
    services.put(upstreams)
    services.put(Reports(file))
    yield names
    await services.get(Reports).stop()
    async with services.db.control() as tx:
        await tx.session.execute(text("DELETE FROM supplier_report"))
    services.put(before[0])
    services.put(before[1])
    await upstreams.stop()


async def meter(services: Services, upstream: str, at: datetime, **more: Any) -> None:
    """One request of a workspace, as metering writes it."""
    tenant: UUID = (await workspace_of_someone(services)).tenant_id
    row = {
        "model": f"{upstream}/small",
        "tokens_in": 1000,
        "tokens_out": 100,
        "status": "ok",
        **USAGE,
        **more,
    }
    row |= {"upstream": upstream, "tenant_id": tenant, "id": uuid7(), "at": at}
    async with services.db.tenant(Access.system(tenant)) as tx:
        await tx.session.execute(insert(UsageRecord).values(row))


async def lines(services: Services, upstream: str, day: datetime = DAY) -> list[tuple[Any, ...]]:
    query = (
        "SELECT model, state, problem, ours_requests, ours_in, ours_out, theirs_requests, theirs_in, theirs_out"
        " FROM supplier_report WHERE upstream = :upstream AND day_on = :day ORDER BY model"
    )
    async with services.db.control() as tx:
        return [
            tuple(row)
            for row in await tx.session.execute(text(query), {"upstream": upstream, "day": day.date()})
        ]


async def test_a_day_is_compared_by_model_over_pages_without_what_is_not_ours(
    services: Services, two: dict[str, str], peer: ReportPeer
) -> None:
    name = two["openai"]
    for at in (DAY, DAY + timedelta(hours=23, minutes=59)):
        await meter(services, name, at)
    for at in (
        DAY - timedelta(seconds=1),
        DAY + timedelta(days=1),
    ):  # other days of theirs, the same of India's
        await meter(services, name, at)
    await meter(services, name, DAY, own_key=True)
    await meter(services, name, DAY, status="failed")
    await meter(services, name, DAY, endpoint="embeddings")
    peer.counted["2026-11-12"] = {"small-4-2026-01-31": (2, 2000, 200), "forgotten": (1, 50, 5)}
    await tasks.compare(services, upstream=name, day="2026-11-12")
    assert await lines(services, name) == [
        ("", "told", None, 0, 0, 0, 0, 0, 0),
        ("forgotten", "told", None, 0, 0, 0, 1, 50, 5),
        ("small-4", "told", None, 2, 2000, 200, 2, 2000, 200),
    ]
    assert len(peer.asked) == 2


async def test_anthropic_tells_tokens_from_caches_apart_and_no_requests(
    services: Services, two: dict[str, str], peer: ReportPeer
) -> None:
    name = two["anthropic"]
    await meter(services, name, DAY)
    peer.counted["2026-11-12"] = {"small-4-20260131": (1, 1000, 100)}
    for _ in range(2):  # what is told again replaces what was told
        await tasks.compare(services, upstream=name, day="2026-11-12")
    assert (await lines(services, name))[1:] == [("small-4", "told", None, 1, 1000, 100, None, 1000, 100)]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "spoiled",
    [
        b"<html>maintenance</html>",
        b"[]",
        b'{"data": [{"start_time": "x", "results": []}]}',
        b'{"data": [], "has_more": true}',
        b'{"data": [], "has_more": true, "next_page": "same"}',
        NEGATIVE,
        b"[" * 100_000,
    ],
    ids=["html", "list", "types", "no-page", "same-page", "negative", "deep"],
)
async def test_garbage_is_no_report(
    kind: str, spoiled: bytes, services: Services, two: dict[str, str], peer: ReportPeer
) -> None:
    peer.spoils = spoiled
    with pytest.raises(ReportUnreadable):
        await services.get(Reports).sources[two[kind]].told(DAY.date())
    assert len(peer.asked) <= MOST_PAGES


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_day_of_another_time_zone_is_not_taken(
    kind: str, services: Services, two: dict[str, str], peer: ReportPeer
) -> None:
    peer.shift = -19_800  # midnight in India
    with pytest.raises(ReportUnreadable):
        await services.get(Reports).sources[two[kind]].told(DAY.date())


async def test_what_cannot_be_had_is_told_and_what_was_known_stays(
    services: Services, two: dict[str, str], peer: ReportPeer
) -> None:
    name = two["openai"]
    peer.counted["2026-11-12"] = {"small-4": (1, 10, 1)}
    await tasks.compare(services, upstream=name, day="2026-11-12")
    peer.spoils = b"nothing"
    await tasks.compare(services, upstream=name, day="2026-11-12")
    state, known = await lines(services, name)
    assert state[:3] == ("", "failed", "report_unreadable")
    assert known[:2] == ("small-4", "told")


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_key_that_is_no_administrators_is_refused(
    kind: str, peer: ReportPeer, tmp_path: Path
) -> None:
    file = tmp_path / "upstreams.toml"
    file.write_text(ENTRY.format(name="x", kind=kind, base_url=peer.base_url, key="sk-wrong"))
    reports = Reports(file)
    with pytest.raises(ReportRefused) as caught:
        await reports.sources["x"].told(DAY.date())
    assert KEY not in json.dumps(caught.value.details)
    await reports.stop()


@pytest.mark.parametrize(
    ("member", "instead"),
    [('report = "openai"', 'report = "nobody"'), (f'"{KEY}"', '""')],
    ids=["kind", "key"],
)
def test_an_entry_that_cannot_be_stops_the_start(member: str, instead: str, tmp_path: Path) -> None:
    file = tmp_path / "upstreams.toml"
    text_ = ENTRY.format(name="x", kind="openai", base_url="https://api.example.in/v1", key=KEY)
    file.write_text(text_.replace(member, instead))
    with pytest.raises(ValueError, match="report"):
        Reports(file)


async def test_the_daily_job_writes_down_what_it_asks_for_and_asks_three_days(
    services: Services, two: dict[str, str], peer: ReportPeer
) -> None:
    await tasks.ask(services)
    today = clock.now().date()
    query = "SELECT args->>'day' FROM procrastinate_jobs WHERE args->>'upstream' = :name AND task_name = :task ORDER BY 1"
    for name in two.values():
        async with services.db.control() as tx:
            days = list(await tx.session.scalars(text(query), {"name": name, "task": tasks.COMPARE}))
        assert days == [f"{today - timedelta(days=back)}" for back in (3, 2, 1)]
    assert not peer.asked, "the job that asks has not run"


HEAD = "date,model,requests,tokens_in,tokens_out\n"


async def test_a_file_is_compared_and_what_differs_by_more_than_a_hundredth_is_found(
    services: Services, two: dict[str, str]
) -> None:
    name = two["openai"]
    for _ in range(2):
        await meter(services, name, DAY)
    content = f"\ufeff{HEAD}2026-11-12,small-4,2,2020,203\n2026-11-13,small-4,1,7,0\n"
    days = await supplier_reports.import_file(services, name, content)
    assert [f"{day}" for day in days] == ["2026-11-12", "2026-11-13"]
    async with services.db.control() as tx:
        found = await supplier_reports.differences(tx, name, days)
    assert [(f"{each.day}", each.figure, each.ours, each.theirs) for each in found] == [
        ("2026-11-13", "requests", 0, 1),
        ("2026-11-13", "tokens read", 0, 7),
        ("2026-11-12", "tokens written", 200, 203),
    ], "20 of 2020 tokens are less than a hundredth"


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEAD,
        "day,model\n2026-11-12,small-4\n",
        f"{HEAD}12/11/2026,small-4,1,1,1\n",
        f"{HEAD}2026-11-12,small-4,one,1,1\n",
        f"{HEAD}2026-11-12,small-4,-1,1,1\n",
        f"{HEAD}2026-11-12,small-4,1,1\n",
        f"{HEAD}2026-11-12,small-4,1,1,99999999999999999999\n",
        f"{HEAD}2026-11-12,{'x' * 200_000},1,1,1\n",
    ],
    ids=["empty", "no-line", "columns", "date", "word", "negative", "short", "huge", "long"],
)
async def test_a_file_that_is_no_report_changes_nothing(
    content: str, services: Services, two: dict[str, str]
) -> None:
    with pytest.raises(ReportFileWrong):
        await supplier_reports.import_file(services, two["openai"], content)
    assert await lines(services, two["openai"]) == []


async def test_a_supplier_that_is_none_has_no_report(services: Services) -> None:
    with pytest.raises(UpstreamUnknown):
        await supplier_reports.import_file(services, "nobody", f"{HEAD}2026-11-12,m,1,1,1\n")
