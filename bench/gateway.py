"""The gateway beside its references in one run: nginx as plain reverse proxy, Portkey's gateway, LiteLLM's proxy.

Each stands on the same core and asks the same model server; that, the load and PostgreSQL are on the other core. Rounds are
taken in turns, figures are medians; every answer is checked, and what is wrong is counted and shown. Ours runs as shipped: key
check, limits, wallet, and the usage record committed before the reply, for 2,000 workspaces with 5 keys each.

Environment: BENCH_SECONDS of a round (3), BENCH_ROUNDS (5), BENCH_REQUESTS of the long run (200000; the target speaks of a
million), BENCH_TENANTS, BENCH_CACHE, BENCH_NICE (-10 where the machine has other work; needs the right to it).
`python -m bench gateway --write` also writes docs/gateway-bench.md.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Figure, report
from bench.traffic import page
from bench.traffic.contenders import BODY, CONTENDERS, running
from bench.traffic.ours import keys_with_money, serving
from bench.traffic.programs import (
    Load,
    Outcome,
    Round,
    Shape,
    Target,
    mock_upstream,
    request,
    resident,
    stay_off_the_gateways_core,
    written,
)
from tests.support.installation import temporary_installation

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "200000"))
PARTS = 10
"""The long run is taken in so many parts, with a look at the memory after each."""

DIRECT, OURS = "no gateway", "CallMissed"
SHAPES = {
    "32 at once": Shape(32, SECONDS),
    "100 a second": Shape(64, SECONDS, rate=100),
    "streams": Shape(128, SECONDS, streamed=True),
}


@dataclass
class Results:
    """Everything that was measured: rounds by shape and name, versions (None: not measured), memory in MB by when."""

    rounds: dict[str, dict[str, list[Round]]] = field(default_factory=dict[str, dict[str, list[Round]]])
    versions: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    memory: list[float] = field(default_factory=list[float])
    resident: dict[str, float] = field(default_factory=dict[str, float])
    long: list[Round] = field(default_factory=list[Round])

    def median(self, shape: str, name: str, read: Callable[[Round], float]) -> float | None:
        """The median of a figure over the rounds, None where nothing was measured."""
        rounds = self.rounds.get(shape, {}).get(name, [])
        return statistics.median(map(read, rounds)) if rounds else None


def rate(each: Round) -> float:
    """Good answers a second."""
    return each.outcome.rate


def main() -> None:
    """Measure and report."""
    stay_off_the_gateways_core()
    results = Results()
    with temporary_installation() as installation, tempfile.TemporaryDirectory(prefix="cm-bench-") as named:
        folder = Path(named)
        keys = asyncio.run(keys_with_money(installation))
        print(f"   {len(keys)} keys made", flush=True)
        with mock_upstream(folder) as upstream, ExitStack() as stack:
            targets = {DIRECT: direct(folder, upstream)}
            targets[OURS] = stack.enter_context(serving(installation, folder, upstream, keys))
            results.versions[OURS] = "this commit"
            results.memory.append(resident(targets[OURS].process))
            targets |= others(stack, folder, upstream, results)
            load = Load(folder)
            for shape in SHAPES:
                in_turns(load, shape, targets, results)
            long_run(load, targets[OURS], results)
            for name, target in targets.items():
                results.resident[name] = resident(target.process)
    figures = list(figures_of(results))
    report("gateway", figures)
    text = page.rendered(results, figures)
    print(text)
    if "--write" in sys.argv:
        page.PAGE.write_text(text, encoding="utf-8")


def direct(folder: Path, upstream: int) -> Target:
    """The model server itself: what a gateway adds is measured against it."""
    path, streams = "/v1/chat/completions", {**BODY, "stream": True}
    return Target(
        upstream,
        written(folder / "direct-plain", [request(path, BODY, {})]),
        written(folder / "direct-streamed", [request(path, streams, {})]),
    )


def others(stack: ExitStack, folder: Path, upstream: int, results: Results) -> dict[str, Target]:
    """Those that can be installed and answer here."""
    found: dict[str, Target] = {}
    for each in CONTENDERS:
        results.versions[each.name] = None
        try:
            version = each.install()
            found[each.name] = stack.enter_context(running(each, folder / each.name, upstream))
            results.versions[each.name] = version
        except (OSError, subprocess.CalledProcessError) as failure:
            print(f"   {each.name}: not measured ({failure})")
    return found


def in_turns(load: Load, shape: str, targets: dict[str, Target], results: Results) -> None:
    """Each of them once, and again."""
    measured = results.rounds.setdefault(shape, {name: [] for name in targets})
    for number in range(ROUNDS):
        for name, target in targets.items():
            load.run(target, Shape(32, count=target.lap))
            done = load.run(target, SHAPES[shape])
            measured[name].append(done)
            print(f"   {shape}, round {number + 1}, {name}: {told(done)}", flush=True)


def told(done: Round) -> str:
    """A round in a line."""
    outcome: Outcome = done.outcome
    wrong = f", {outcome.errors} WRONG (last status {outcome.last_bad})" if outcome.errors else ""
    return (
        f"{outcome.rate:,.0f}/s, {done.cpu_us:,.0f} µs CPU, p50 {outcome.p50_ms:.2f} ms, "
        f"core taken by others {done.others:.0%}{wrong}"
    )


def long_run(load: Load, target: Target, results: Results) -> None:
    """Many requests to ours, with a look at its memory now and then."""
    for number in range(PARTS):
        done = load.run(target, Shape(32, count=max(1, REQUESTS // PARTS)))
        results.long.append(done)
        results.memory.append(resident(target.process))
        print(f"   long run {number + 1}/{PARTS}: {told(done)}, {results.memory[-1]:.0f} MB", flush=True)


def figures_of(results: Results) -> list[Figure]:
    """The figures that have a target, each beside its reference."""

    def ours(shape: str, read: Callable[[Round], float]) -> float:
        return results.median(shape, OURS, read) or 0.0

    requests = ours("32 at once", rate)
    figures: list[Figure] = []
    for name, times in (("LiteLLM", 100), ("Portkey", 10), ("nginx", 1 / 8)):
        reference = results.median("32 at once", name, rate)
        figures.append(beside(f"32 at once: answers beside {name}", requests, "1/s", reference, times))
    figures.append(Figure("32 at once: CPU for a request", ours("32 at once", lambda r: r.cpu_us), "µs", 160))
    alone = results.median("100 a second", DIRECT, lambda r: r.outcome.p50_ms) or 0.0
    took = ours("100 a second", lambda r: r.outcome.p50_ms)
    figures.append(Figure("100 a second: p50 added", took - alone, "ms", 2, reference=alone))
    figures.append(
        beside(
            "streams: beside nginx",
            ours("streams", rate),
            "1/s",
            results.median("streams", "nginx", rate),
            0.9,
        )
    )
    alone = results.median("streams", DIRECT, lambda r: r.outcome.first_p50_ms) or 0.0
    first = ours("streams", lambda r: r.outcome.first_p50_ms)
    figures.append(Figure("streams: first byte added, p50", first - alone, "ms", 2, reference=alone))
    return [*figures, *memory_figures(results), *errors(results)]


def beside(name: str, value: float, unit: str, reference: float | None, times: float) -> Figure:
    """Ours as a multiple of another's; without a target where the other was not measured."""
    if not reference:
        return Figure(f"{name} (not measured)", value, unit, better="higher")
    return Figure(name, value, unit, times * reference, "higher", reference, round(value / reference, 3))


def memory_figures(results: Results) -> list[Figure]:
    """Memory at its most, and how it grew in the second half of the long run."""
    count = sum(each.outcome.good for each in results.long)
    grown = results.memory[-1] - results.memory[len(results.memory) // 2]
    used = sum(each.cpu_us * each.outcome.good for each in results.long) / max(count, 1)
    return [
        Figure("memory after start", results.memory[0], "MB", 150),
        Figure(f"memory at its most, {count:,} requests more", max(results.memory), "MB", 150),
        Figure("memory grown in the second half of them", grown, "MB", 5),
        Figure("CPU for a request in the long run", used, "µs", 160),
    ]


def errors(results: Results) -> list[Figure]:
    """Requests to ours that were not answered well, over everything."""
    rounds = [each for shape in results.rounds.values() for each in shape[OURS]] + results.long
    return [Figure("errors of ours", sum(each.outcome.errors for each in rounds), "requests", 0)]


if __name__ == "__main__":
    main()
