"""docs/gateway-bench.md, written from what was measured."""

import os
import platform
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bench.figures import Figure
from bench.traffic.programs import Round

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gateway-bench.md"

HEAD = """# What the gateway costs

Written by `make bench B="gateway --write"` on {day}; do not edit. One run: each gateway alone at work on core 0 of {machine},
the model server, the load and PostgreSQL on core 1, loopback, no TLS. {rounds} rounds of {seconds:g} s in turns; medians, with the
least and the most in brackets. CPU is user and system time of the whole process tree over the answers given. Every answer is
checked (status 200, the right text exactly once, or all 20 pieces of a stream); what is not so is an error. Compare within one
table only: the speed of a core differs from hour to hour, and "taken by others" says how much of the core other programs had.

Ours runs as it is shipped: key check, limits, wallet, and a usage record and ledger entry committed in PostgreSQL with row
security before the reply ends, for {keys} keys of {tenants} workspaces. The others do less here: nginx passes on; Portkey's gateway
checks no key and records nothing; LiteLLM checks one master key and has no database. They also do things ours does not.
"""

WAYS = """
## How it is run

- Request: two messages, 300 bytes; answer: 700 bytes of JSON; stream: 20 pieces 5 ms apart, then finish, usage and `[DONE]`.
- nginx: one worker, `proxy_buffering off`, 512 kept-alive connections to the model server.
- Portkey: `NODE_ENV=production node build/start-server.js --headless`, `@hono/node-server` held at 1.3.3 (with what npm resolves
  otherwise, no stream is answered), headers `x-portkey-provider: openai` and `x-portkey-custom-host`.
- LiteLLM: `LITELLM_MODE=PRODUCTION LITELLM_LOG=ERROR LITELLM_LOCAL_MODEL_COST_MAP=True NO_DOCS=True litellm --config …
  --num_workers 1`.
- Before each round every key of ours is used once, so rounds show keys that are known; the long run shows what reading them again
  adds. Settings and programs: `bench/gateway.py`, `bench/traffic/`.
"""


class Measured(Protocol):
    """What the page is written from."""

    @property
    def rounds(self) -> Mapping[str, Mapping[str, Sequence[Round]]]:
        """Rounds by shape and name."""
        ...

    @property
    def versions(self) -> Mapping[str, str | None]:
        """What was measured, in which version; None where it could not be."""
        ...

    @property
    def resident(self) -> Mapping[str, float]:
        """Memory of each at the end, MB."""
        ...


Column = tuple[str, Callable[[Round], float], str]
COLUMNS: dict[str, list[Column]] = {
    "32 at once": [
        ("answers/s", lambda r: r.outcome.rate, ",.0f"),
        ("CPU µs", lambda r: r.cpu_us, ",.0f"),
        ("p50 ms", lambda r: r.outcome.p50_ms, ",.2f"),
        ("p99 ms", lambda r: r.outcome.p99_ms, ",.1f"),
    ],
    "100 a second": [
        ("answers/s", lambda r: r.outcome.rate, ",.0f"),
        ("p50 ms", lambda r: r.outcome.p50_ms, ",.2f"),
        ("p99 ms", lambda r: r.outcome.p99_ms, ",.1f"),
    ],
    "streams": [
        ("streams/s", lambda r: r.outcome.rate, ",.0f"),
        ("first byte p50 ms", lambda r: r.outcome.first_p50_ms, ",.2f"),
        ("p50 ms", lambda r: r.outcome.p50_ms, ",.0f"),
        ("CPU µs", lambda r: r.cpu_us, ",.0f"),
    ],
}
TITLES = {
    "32 at once": "32 at once, not streamed",
    "100 a second": "100 requests a second, not streamed, counted from when each was due",
    "streams": "128 streams at once",
}


def rendered(results: Measured, figures: Sequence[Figure]) -> str:
    """The page."""
    tenants = int(os.environ.get("BENCH_TENANTS", "2000"))
    rounds = next(iter(next(iter(results.rounds.values())).values()))
    head = HEAD.format(
        day=f"{datetime.now(UTC):%-d %B %Y}", machine=machine(), rounds=len(rounds),
        seconds=float(os.environ.get("BENCH_SECONDS", "3")), keys=f"{tenants * 5:,}", tenants=f"{tenants:,}",
    )  # fmt: skip
    return "\n".join([head, *targets(figures), *tables(results), WAYS.rstrip(), ""])


def machine() -> str:
    """This machine in words."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "a processor"
    )
    return f"{os.cpu_count()} × {model}, Linux, Python {platform.python_version()}"


def targets(figures: Sequence[Figure]) -> Iterator[str]:
    """Figures beside their targets."""
    yield "| figure | value | target | reference | ratio | |\n| --- | --- | --- | --- | --- | --- |"
    for each in figures:
        sign = "≤" if each.better == "lower" else "≥"
        target = "" if each.target is None else f"{sign} {each.target:,.4g}"
        reference = "" if each.reference is None else f"{each.reference:,.2f}"
        ratio = "" if each.ratio is None else f"{each.ratio:,.4g}"
        yield f"| {each.figure} | {each.value:,.1f} {each.unit} | {target} | {reference} | {ratio} | {each.met} |"


def tables(results: Measured) -> Iterator[str]:
    """A table for each shape of traffic."""
    for shape, columns in COLUMNS.items():
        yield f"\n## {TITLES[shape]}\n"
        heads = [title for title, _, _ in columns]
        yield "| " + " | ".join(["gateway", *heads, "memory MB", "errors", "taken by others"]) + " |"
        yield "| --- " * (len(heads) + 4) + "|"
        for name in ("no gateway", *results.versions):
            yield row(name, results, results.rounds[shape].get(name, ()), columns)


def row(name: str, results: Measured, rounds: Sequence[Round], columns: Sequence[Column]) -> str:
    """A gateway's row."""
    version = results.versions.get(name)
    told = name if version is None else f"{name} ({version})"
    if not rounds:
        return f"| {told} | " + "not measured | " * (len(columns) + 3)
    cells = [spread([read(each) for each in rounds], form) for _, read, form in columns]
    memory = f"{results.resident[name]:,.0f}" if name in results.resident else ""
    wrong = sum(each.outcome.errors for each in rounds)
    others = statistics.median(each.others for each in rounds)
    return "| " + " | ".join([told, *cells, memory, f"{wrong:,}", f"{others:.0%}"]) + " |"


def spread(values: Sequence[float], form: str) -> str:
    """The median, and the least and the most."""
    low, middle, high = (format(each, form) for each in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low} to {high})"
