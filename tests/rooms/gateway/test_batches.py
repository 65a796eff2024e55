"""Files and batches with the official client, unchanged, against the gateway as it is served, and the worker's own jobs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Batch

from callmissed.app.installation import Installation
from callmissed.foundation.jobs import Worker
from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams
from callmissed.gateway.batches import files
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.rooms.gateway.test_node_clients import flow, node
from tests.support.peer import WORDS

__all__ = ["node"]

CHAT = "/v1/chat/completions"
ENDED = {"completed", "failed", "expired", "cancelled"}
VARIES: dict[str, Any] = dict.fromkeys(("id", "created", "created_at", "completed_at", "output"))
RunDue = Callable[[], Awaitable[None]]


def chat(custom_id: str, model: str = "peer/good", **more: object) -> dict[str, object]:
    """A request as it stands in a file."""
    body = {"model": model, "messages": [{"role": "user", "content": f"Namaste {custom_id}"}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}


def file_of(lines: Sequence[Mapping[str, object] | str]) -> bytes:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines).encode()


async def begun(
    client: AsyncOpenAI, lines: Sequence[Mapping[str, object] | str], endpoint: Any = CHAT
) -> Batch:
    file = await client.files.create(file=("questions.jsonl", file_of(lines)), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id,
        endpoint=endpoint,
        completion_window="24h",
        metadata={"for": "Diwali"},
    )


async def rows_of(client: AsyncOpenAI, file_id: str | None) -> dict[str, Any]:
    """The lines of a file by their custom_id."""
    if file_id is None:
        return {}
    lines = (await client.files.content(file_id)).text.splitlines()
    found = [json.loads(line) for line in lines]
    assert len({each["custom_id"] for each in found}) == len(found)
    return {each["custom_id"]: each for each in found}


@pytest.fixture
def run_due(installation: Installation, services: Services, upstreams: Upstreams) -> RunDue:
    """Run the jobs that are due, as the worker does."""

    async def run() -> None:
        await Worker(installation.data_plane("cm_worker").psycopg, services).run_due()

    return run


async def ended(client: AsyncOpenAI, run_due: RunDue, batch_id: str, seconds: float = 60) -> Batch:
    """Work until the batch has ended."""
    async with asyncio.timeout(seconds):
        while (found := await client.batches.retrieve(batch_id)).status not in ENDED:
            await run_due()
            await asyncio.sleep(0.05)
    return found


async def test_a_batch_is_answered_line_by_line_and_paid_like_any_call(
    open_shop: OpenShop, client_of: ClientOf, run_due: RunDue
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat(f"q{number}") for number in range(40)])
    assert (batch.status, batch.metadata, batch.endpoint) == ("validating", {"for": "Diwali"}, CHAT)
    done = await ended(client, run_due, batch.id)
    assert done.request_counts
    assert done.status == "completed"
    assert done.request_counts.model_dump() == {"total": 40, "completed": 40, "failed": 0}
    assert done.error_file_id is None
    found = await rows_of(client, done.output_file_id)
    assert list(found) == [f"q{number}" for number in range(40)]
    assert {each["response"]["body"]["choices"][0]["message"]["content"] for each in found.values()} == {
        "".join(WORDS)
    }
    rows = await shop.rows()
    answered = [row for row in rows if row["status"] == "ok"]
    assert {str(row["id"]) for row in answered} == {each["response"]["request_id"] for each in found.values()}
    assert {row["endpoint"] for row in rows} == {"chat.completions"}
    # A machine that stands still makes the supplier seem slow: then a line was asked again, and the first time cost nothing.
    again = [(row["problem"], row["price_micro"]) for row in rows if row not in answered]
    assert set(again) <= {("upstream_slow", 0)}
    assert await shop.adds_up()


async def test_files_are_kept_listed_told_and_removed(open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop())
    content = file_of([chat("q1")])
    made = [await client.files.create(file=(f"{n}.jsonl", content), purpose="batch") for n in "abc"]
    assert (made[0].filename, made[0].bytes, made[0].purpose) == ("a.jsonl", len(content), "batch")
    assert made[0].expires_at == made[0].created_at + 30 * 86400
    assert (await client.files.retrieve(made[0].id)).model_dump() == made[0].model_dump()
    assert (await client.files.content(made[1].id)).content == content
    assert [each.id async for each in client.files.list(limit=1)] == [each.id for each in reversed(made)]
    assert [each.id async for each in client.files.list(order="asc", purpose="batch")] == [
        each.id for each in made
    ]
    assert (await client.files.delete(made[2].id)).deleted
    for gone in (client.files.retrieve, client.files.delete, client.files.content):
        with pytest.raises(openai.NotFoundError, match="no such file"):
            await gone(made[2].id)
    other = client_of(await open_shop())
    with pytest.raises(openai.NotFoundError):
        await other.files.content(made[0].id)
    assert (await other.files.list()).data == []


UNUSABLE: dict[str, tuple[bytes, Any, str]] = {
    "empty": (b"", "batch", "invalid_request"),
    "another purpose": (b"{}\n", "fine-tune", "invalid_request"),
    "too large": (b"x" * 20_000_001, "batch", "file_too_large"),
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_files_that_cannot_be_kept_are_refused(
    name: str, open_shop: OpenShop, client_of: ClientOf
) -> None:
    content, purpose, code = UNUSABLE[name]
    with pytest.raises(openai.APIStatusError) as refused:
        await client_of(await open_shop()).files.create(file=("x.jsonl", content), purpose=purpose)
    assert refused.value.code == code


async def test_a_workspace_keeps_so_many_files_and_no_more(
    open_shop: OpenShop, client_of: ClientOf, services: Services
) -> None:
    shop = await open_shop()
    async with services.db.tenant(shop.access) as tx:
        for number in range(files.MOST_FILES):
            await files.store(tx, shop.key_id, f"{number}.jsonl", b"{}\n")
    with pytest.raises(openai.ConflictError, match="100 files"):
        await client_of(shop).files.create(file=("x.jsonl", b"{}\n"), purpose="batch")


async def test_a_file_with_faults_fails_as_a_whole_and_says_where(
    open_shop: OpenShop, client_of: ClientOf, run_due: RunDue
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    lines = [
        chat("good"), "", "{not json", chat("good"), {**chat("elsewhere"), "url": "/v1/embeddings"},
        chat("streamed", stream=True), chat("nobody", "nobody"), chat("abroad", "abroad/good"), {"custom_id": "x"},
    ]  # fmt: skip
    done = await ended(client, run_due, (await begun(client, lines)).id)
    assert done.status == "failed"
    assert done.errors and done.errors.data
    assert [(each.line, each.code) for each in done.errors.data] == [
        (3, "line_unreadable"), (4, "duplicate_custom_id"), (5, "mismatched_endpoint"), (6, "line_streamed"),
        (7, "model_not_found"), (8, "outside_india"), (9, "line_unreadable"),
    ]  # fmt: skip
    assert (
        done.errors.data[1].message == "Another line has the same custom_id. Answers could not be told apart."
    )
    assert await shop.rows() == []
    many = await ended(client, run_due, (await begun(client, [chat(f"q{n}") for n in range(10_001)])).id)
    assert many.errors and many.errors.data
    assert [each.code for each in many.errors.data] == ["batch_unusable"]


async def test_what_fails_stands_in_a_file_of_its_own(
    open_shop: OpenShop, client_of: ClientOf, run_due: RunDue
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    lines = [chat("good"), chat("refused", "peer/400"), chat("wrong", temperature=7)]
    done = await ended(client, run_due, (await begun(client, lines)).id)
    assert done.status == "completed"
    assert done.request_counts
    assert done.request_counts.model_dump() == {"total": 3, "completed": 1, "failed": 2}
    assert list(await rows_of(client, done.output_file_id)) == ["good"]
    failed = await rows_of(client, done.error_file_id)
    assert {
        name: (each["response"]["status_code"], each["response"]["body"]["error"]["code"], each["error"])
        for name, each in failed.items()
    } == {"refused": (400, "upstream_rejected", None), "wrong": (400, "invalid_request", None)}
    assert [row["price_micro"] for row in await shop.rows() if row["status"] == "failed"] == [0]
    assert await shop.adds_up()


ENDPOINTS: dict[str, dict[str, object]] = {
    "/v1/completions": {"model": "peer/good", "prompt": "Namaste"},
    "/v1/responses": {"model": "peer/good", "input": "Namaste"},
    "/v1/embeddings": {"model": "local/lexical", "input": "Namaste"},
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_every_endpoint_answers_as_it_does_to_those_who_wait(
    endpoint: str, open_shop: OpenShop, client_of: ClientOf, run_due: RunDue
) -> None:
    client = client_of(await open_shop())
    body = ENDPOINTS[endpoint]
    line = {"custom_id": "q", "method": "POST", "url": endpoint, "body": body}
    done = await ended(client, run_due, (await begun(client, [line], endpoint)).id)
    [answer] = (await rows_of(client, done.output_file_id)).values()
    waited = json.loads(
        (await client.post(endpoint.removeprefix("/v1"), body=body, cast_to=httpx.Response)).content
    )
    assert {**answer["response"]["body"], **VARIES} == {**waited, **VARIES}


async def test_the_client_for_node_does_the_same(
    node: None, open_shop: OpenShop, base_url: str, run_due: RunDue
) -> None:
    shop = await open_shop()
    asking = asyncio.create_task(flow(base_url, shop, "peer/good", "openai_batch"))
    while not asking.done():
        await run_due()
        await asyncio.sleep(0.1)
    assert await asking == {
        "counts": {"total": 2, "completed": 2, "failed": 0},
        "listed": 1,
        "deleted": True,
        "answers": [["q1", "".join(WORDS)], ["q2", "".join(WORDS)]],
    }
