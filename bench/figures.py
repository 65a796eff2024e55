"""Figures of a benchmark: a table for people, JSON for machines, each beside its target and its reference in the same run."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

OUT = Path(__file__).resolve().parent.parent / "var" / "bench"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `reference` was measured in the same run; `ratio` is value over reference."""

    figure: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["lower", "higher"] = "lower"
    reference: float | None = None
    ratio: float | None = None

    @property
    def met(self) -> str:
        """Whether the target is met, in a word."""
        if self.target is None:
            return ""
        good = self.value <= self.target if self.better == "lower" else self.value >= self.target
        return "met" if good else "MISSED"


def against(
    name: str, value: float, unit: str, reference: float, *, better: Literal["lower", "higher"] = "lower"
) -> Figure:
    """A figure beside its reference."""
    return Figure(
        name, value, unit, None, better, reference, round(value / reference, 3) if reference else None
    )


def report(name: str, figures: list[Figure]) -> None:
    """Print the table and write var/bench/NAME.json."""
    print(f"{'figure':<52}{'value':>12} {'unit':<10}{'target':>10}{'reference':>12}{'ratio':>8}")
    for each in figures:
        target = "" if each.target is None else f"{each.target:g}"
        reference = "" if each.reference is None else f"{each.reference:,.2f}"
        ratio = "" if each.ratio is None else f"{each.ratio:g}"
        print(
            f"{each.figure:<52}{each.value:>12,.2f} {each.unit:<10}{target:>10}{reference:>12}{ratio:>8}  {each.met}"
        )
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(
        json.dumps([asdict(each) for each in figures], indent=2), encoding="utf-8"
    )


async def waited(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Microseconds for each call that may wait for something, the best of five rounds."""
    rounds: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times // 5):
            await work()
        rounds.append((time.perf_counter() - began) / (times // 5) * 1e6)
    return min(rounds)
