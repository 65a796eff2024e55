"""Run benchmarks by name: `python -m bench first_light`; without a name, all of them. What begins with -- is for them."""

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """Every module here that is a benchmark."""
    return sorted(p.stem for p in HERE.glob("*.py") if p.stem not in {"__init__", "__main__", "figures"})


def main() -> int:
    """Run those asked for. Exits 2 for an unknown name."""
    wanted = [each for each in sys.argv[1:] if not each.startswith("--")] or names()
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names())}")
        return 2
    for name in wanted:
        print(f"── {name}")
        import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
