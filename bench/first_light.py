"""First light: cold and warm start, first answer, memory of the whole demo, 100 visitors at once.

Runs the real command in a folder of its own, on loopback only, and stops it. References in the same run: for start and memory
the two PostgreSQL servers alone, which no product over them can undercut; for answers the smallest route of the same server,
asked as often as a visitor asks.
"""

import asyncio
import signal
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import psutil

from bench.figures import Figure, report
from callmissed.foundation.postgres import Cluster
from tests.support.up import Up, temporary_up

QUESTIONS = (
    "What are your opening hours?",
    "Do you repair washing machines in Kothrud?",
    "How much is an AC service?",
    "What warranty do I get?",
    "आप कब खुलते हैं?",
)
VISITORS = 100
REQUESTS_OF_A_VISITOR = 5
"""Session, news, message, and the thread twice."""


def main() -> None:
    """Measure and report."""
    cold_alone, warm_alone, memory_alone = databases_alone()
    figures: list[Figure] = []
    with temporary_up() as up:
        figures += [started("cold start: empty folder to demo ready", up.start(), cold_alone, None)]
        figures += asyncio.run(answers(up.links))
        figures += [Figure("stop", stop(up), "s")]
        figures += [started("warm start: second run to demo ready", up.start(), warm_alone, 10)]
        figures += asyncio.run(answers(up.links))[:1]
        figures += memory(up, "at rest", memory_alone)
        figures += asyncio.run(crowd(up.links))
        figures += memory(up, f"after {VISITORS} visitors", memory_alone)
    report("first_light", figures)


def databases_alone() -> tuple[float, float, float]:
    """The two servers without the product: seconds of the first and of the second start, and their memory in MB."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        seconds, used = list[float](), 0.0
        for _ in range(2):
            began = time.monotonic()
            with Cluster(home, "data", memory="data"), Cluster(home, "keys", memory="keys"):
                seconds.append(time.monotonic() - began)
                used = proportional(psutil.Process().children(recursive=True))
    return seconds[0], seconds[1], used


def started(name: str, seconds: float, alone: float, target: float | None) -> Figure:
    """A start beside that of the databases alone."""
    return Figure(name, seconds, "s", target, "lower", alone, round(seconds / alone, 3))


def stop(up: Up) -> float:
    """Stop it as a person does; seconds until nobody is left."""
    began = time.monotonic()
    up.signal(signal.SIGTERM)
    return time.monotonic() - began


def proportional(family: list[psutil.Process]) -> float:
    """Proportional set size in MB: what several processes share counts once."""
    return sum(each.memory_full_info().pss for each in family) / 1e6


def memory(up: Up, when: str, alone: float) -> list[Figure]:
    """The command and everything below it; beside it the sum of resident sets, in which shared pages count many times."""
    family = up.family()
    pss = proportional(family)
    rss = sum(each.memory_info().rss for each in family) / 1e6
    own = proportional(family[:1])
    return [
        Figure(
            f"memory {when}: {len(family)} processes, shared once",
            pss, "MB", 600, "lower", alone, round(pss / alone, 3),
        ),
        Figure(f"memory {when}: of it the product's own process", own, "MB"),
        Figure(f"memory {when}: sum of resident sets", rss, "MB"),
    ]  # fmt: skip


async def answers(links: dict[str, str]) -> list[Figure]:
    """The first answer a visitor gets, and the median of the next ones."""
    async with httpx.AsyncClient(base_url=links["base_url"], timeout=30) as client:
        first = await ask(client, links["widget_id"], QUESTIONS[0])
        times = [await ask(client, links["widget_id"], each) for each in QUESTIONS]
    return [
        Figure("first answer after start", first * 1000, "ms"),
        Figure("answer, one visitor, median", statistics.median(times) * 1000, "ms"),
    ]


async def crowd(links: dict[str, str]) -> list[Figure]:
    """A hundred visitors who each ask one question at the same moment."""
    limits = httpx.Limits(max_connections=VISITORS * 2)
    async with httpx.AsyncClient(base_url=links["base_url"], timeout=60, limits=limits) as client:
        alone = await plain(client, links["widget_id"])
        began = time.monotonic()
        asking = (ask(client, links["widget_id"], QUESTIONS[n % len(QUESTIONS)]) for n in range(VISITORS))
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        took = time.monotonic() - began
    times = sorted(each for each in outcomes if isinstance(each, float))
    middle, late = times[len(times) // 2] * 1000, times[len(times) * 95 // 100] * 1000
    at_once = f"{VISITORS} visitors at once"
    return [
        Figure(f"{at_once}: answer p50", middle, "ms", None, "lower", alone, round(middle / alone, 3)),
        Figure(f"{at_once}: answer p95", late, "ms", None, "lower", alone, round(late / alone, 3)),
        Figure(f"{at_once}: answers per second", len(times) / took, "1/s", None, "higher"),
        Figure(f"{at_once}: errors", len(outcomes) - len(times), "visitors", 0),
    ]


async def plain(client: httpx.AsyncClient, widget: str) -> float:
    """As many visitors asking for the smallest thing there is, as often: median milliseconds for one of them."""

    async def visit() -> float:
        began = time.monotonic()
        for _ in range(REQUESTS_OF_A_VISITOR):
            (await client.get(f"/widget/{widget}.js")).raise_for_status()
        return time.monotonic() - began

    return statistics.median(await asyncio.gather(*(visit() for _ in range(VISITORS)))) * 1000


async def ask(client: httpx.AsyncClient, widget: str, question: str) -> float:
    """Open a session, ask, and follow the news until the bot's answer stands in the thread. Seconds from asking."""
    begun = (await client.post(f"/widget/{widget}/sessions")).raise_for_status().json()
    headers = {"authorization": f"Bearer {begun['token']}"}
    asked = {"text": question, "client_ref": uuid.uuid4().hex}
    async with client.stream("GET", f"/widget/{widget}/events", headers=headers) as news:
        lines = news.aiter_lines()
        await anext(lines)
        began = time.monotonic()
        sent = await client.post(f"/widget/{widget}/messages", json=asked, headers=headers)
        sent.raise_for_status()
        async for line in lines:
            if line.startswith("data:"):
                thread = (await client.get(f"/widget/{widget}/thread", headers=headers)).json()
                if thread["messages"][-1]["author"] == "bot" and len(thread["messages"]) > 1:
                    return time.monotonic() - began
    raise RuntimeError("the stream ended without an answer")


if __name__ == "__main__":
    main()
