"""What the gallery of the kit is filled with: figures without meaning, shown outside production only."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from callmissed.foundation import clock


@dataclass(frozen=True, slots=True)
class Counts:
    """Promises by verdict."""

    kept: int = 53
    broken: int = 1
    unknown: int = 1


def gallery_context() -> dict[str, Any]:
    """The context of gallery.html."""
    today = clock.today()
    verdicts = ["kept"] * 55
    verdicts[16], verdicts[18] = "unknown", "broken"
    bad = {40: "broken", 41: "broken", 120: "unknown"}
    days = [f"{today - timedelta(days=n):%d %b}" for n in range(14, -1, -1)]
    series = [("A", 180, 37, 90), ("B", 90, 53, 60), ("C", 20, 11, 20)]
    return {
        "now": clock.now() - timedelta(seconds=12),
        "long": timedelta(days=4),
        "short": timedelta(hours=5),
        "history": [(today - timedelta(days=n), bad.get(n, "kept")) for n in range(365, -1, -1)],
        "verdicts": verdicts,
        "counts": Counts(),
        "chart": {
            "kind": "bar",
            "x": days,
            "money": True,
            "unfinished": True,
            "series": [
                {"name": name, "data": [base + n * step % spread for n in range(15)]}
                for name, base, step, spread in series
            ],
        },
    }
