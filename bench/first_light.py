"""First light: cold and warm start, first answer, memory of the whole demo, 100 visitors at once.

Runs the real command in a folder of its own, on loopback only, and stops it. Reference for start and memory: the two
PostgreSQL servers alone, which no product over them can undercut.
"""

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.figures import Figure, report

QUESTIONS = (
    "What are your opening hours?",
    "Do you repair washing machines in Kothrud?",
    "How much is an AC service?",
    "What warranty do I get?",
    "आप कब खुलते हैं?",
)
VISITORS = 100
START_SECONDS = 120


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        figures: list[Figure] = []
        with demo(home) as (cold, _, links):
            figures += [Figure("cold start: empty folder to demo ready", cold, "s")]
            figures += asyncio.run(answers(links))
        with demo(home) as (warm, process, links):
            figures += [Figure("warm start: second run to demo ready", warm, "s", 10)]
            figures += asyncio.run(answers(links))[:1]
            figures += memory(process, "memory of all processes, demo at rest")
            figures += asyncio.run(crowd(links))
            figures += memory(process, f"memory of all processes after {VISITORS} visitors")
    report("first_light", figures)


@contextmanager
def demo(home: Path) -> Generator[tuple[float, psutil.Process, dict[str, str]]]:
    """The demo as a child process: seconds until it was ready, the process, its links."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"CALLMISSED_HOME": str(home), "CALLMISSED_PORT": str(port)}
    links = home / "demo.json"
    links.unlink(missing_ok=True)
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "callmissed.app.cli", "up", "--demo"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not links.exists():
            if child.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise SystemExit("the demo did not start")
            time.sleep(0.02)
        yield (
            time.monotonic() - began,
            psutil.Process(child.pid),
            json.loads(links.read_text(encoding="utf-8")),
        )
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def memory(process: psutil.Process, name: str) -> list[Figure]:
    """Proportional set size over the process and all its children, so that shared pages count once; RSS as reference."""
    family = [process, *process.children(recursive=True)]
    pss = sum(each.memory_full_info().pss for each in family) / 1e6
    rss = sum(each.memory_info().rss for each in family) / 1e6
    return [Figure(f"{name} ({len(family)} processes)", pss, "MB", 600, "lower", rss, round(pss / rss, 3))]


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
        began = time.monotonic()
        times = sorted(
            await asyncio.gather(
                *(ask(client, links["widget_id"], QUESTIONS[n % len(QUESTIONS)]) for n in range(VISITORS))
            )
        )
        took = time.monotonic() - began
    return [
        Figure(f"{VISITORS} visitors at once: answer p50", times[VISITORS // 2] * 1000, "ms"),
        Figure(f"{VISITORS} visitors at once: answer p95", times[VISITORS * 95 // 100] * 1000, "ms"),
        Figure(f"{VISITORS} visitors at once: answers per second", VISITORS / took, "1/s", None, "higher"),
    ]


async def ask(client: httpx.AsyncClient, widget: str, question: str) -> float:
    """Open a session, ask, and follow the news until the bot's answer stands in the thread. Seconds from asking."""
    begun = (await client.post(f"/widget/{widget}/sessions")).json()
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
    raise SystemExit("the stream ended without an answer")


if __name__ == "__main__":
    main()
