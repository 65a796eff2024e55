"""What the gateway's libraries cost by themselves, beside the whole gateway, in one run: how much of a request is ours to save.

Three servers on one core, asked by the same load at 32 at once: uvicorn with an answer of its own; uvicorn that reads the request,
asks the model server with the gateway's client and passes the answer on; the gateway as shipped. Environment: as `bench.gateway`.
"""

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from bench.figures import Figure, report
from bench.traffic.contenders import BODY, until_it_answers
from bench.traffic.ours import PATH, keys_with_money, serving
from bench.traffic.programs import (
    GATEWAY_CORE,
    Load,
    Shape,
    Target,
    mock_upstream,
    pinned,
    request,
    stay_off_the_gateways_core,
    written,
)
from tests.support.installation import free_port, temporary_installation

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
TARGET_US = 160


def main() -> None:
    """Measure in turns and report medians."""
    stay_off_the_gateways_core()
    with temporary_installation() as installation, tempfile.TemporaryDirectory(prefix="cm-bench-") as named:
        folder = Path(named)
        keys = asyncio.run(keys_with_money(installation))
        with mock_upstream(folder) as upstream, ExitStack() as stack:
            targets = {
                "uvicorn answers": stack.enter_context(bare(folder / "alone", 0)),
                "uvicorn asks and passes on": stack.enter_context(bare(folder / "passing", upstream)),
                "the gateway as shipped": stack.enter_context(serving(installation, folder, upstream, keys)),
            }
            spent = measured(Load(folder), targets)
    target = {"the gateway as shipped": TARGET_US}
    report(
        "floor",
        [
            Figure(f"{name}: CPU for a request", value, "µs", target.get(name))
            for name, value in spent.items()
        ],
    )


@contextmanager
def bare(folder: Path, upstream: int) -> Generator[Target]:
    """One of the small servers, once it answers."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "bench.traffic.bare", str(port), str(upstream)]
    with pinned(GATEWAY_CORE, command) as process:
        until_it_answers(f"http://127.0.0.1:{port}{PATH}", {})
        plain = written(folder / "plain", [request(PATH, BODY, {})])
        yield Target(port, plain, plain, psutil.Process(process.pid))


def measured(load: Load, targets: dict[str, Target]) -> dict[str, float]:
    """CPU of each for a request in µs: the median of rounds in turns."""
    spent: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(ROUNDS):
        for name, target in targets.items():
            load.run(target, Shape(32, count=target.lap))
            done = load.run(target, Shape(32, SECONDS))
            assert not done.outcome.errors, done
            spent[name].append(done.cpu_us)
            print(f"   {name}: {done.outcome.rate:,.0f}/s, {done.cpu_us:,.0f} µs CPU", flush=True)
    return {name: statistics.median(values) for name, values in spent.items()}


if __name__ == "__main__":
    main()
