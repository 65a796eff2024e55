"""The ratchet: how bad the worst is, written down, and only ever going down.

`tools/ratchet.toml` holds the figures. A figure that rises fails; one that fell is written down by
`make fix`, so that it cannot rise again.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tools.house.rules import Source, sources

LIMITS = {"longest_function": 50, "longest_file": 400}
"""Lines that nobody has to answer for: figures below are not written down."""

HEAD = """\
# The worst there is. These figures only fall: `make fix` lowers them, nothing raises them but a hand that
# explains itself in the commit. Lines of functions are counted without the docstring.
"""


def measure(root: Path) -> dict[str, float]:
    """The figures of the tree as it stands."""
    figures: dict[str, float] = dict(LIMITS)
    figures |= dict.fromkeys(("noqa", "type_ignores", "house_suppressions", "broad_excepts"), 0)
    mocks = tests = 0
    for source in sources(root):
        if not source.path.endswith(".py"):
            continue
        figures["longest_file"] = max(figures["longest_file"], source.text.count("\n"))
        figures["longest_function"] = max(figures["longest_function"], *_function_lines(source), 0)
        for name, count in _suppressions(source):
            figures[name] += count
        figures["broad_excepts"] += _broad_excepts(source) if source.path.startswith("callmissed/") else 0
        if source.path.startswith("tests/"):
            mocks += len(
                re.findall(
                    r"monkeypatch\.set(?:attr|item)\(|mock\.patch|MagicMock\(|AsyncMock\(", source.text
                )
            )
            tests += len(re.findall(r"^\s*(?:async )?def test_", source.text, re.MULTILINE))
    figures["mocks_per_100_tests"] = round(100 * mocks / tests, 1) if tests else 0
    return figures


def written(file: Path) -> dict[str, float]:
    """The figures that were written down."""
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def compare(now: dict[str, float], then: dict[str, float]) -> list[str]:
    """What is worse than written down, or better and not yet written down."""
    said: list[str] = []
    for name, figure in now.items():
        limit = then.get(name, LIMITS.get(name, 0))
        if figure > limit:
            said.append(f"{name} rose from {limit} to {figure}: mend it (tools/ratchet.toml only falls)")
        elif figure < limit:
            said.append(f"{name} fell from {limit} to {figure}: write it down with `make fix`")
    return said


def lower(file: Path, now: dict[str, float]) -> None:
    """Write down each figure that fell; one that rose stays as it was."""
    then = written(file)
    kept = {name: min(figure, then.get(name, figure)) for name, figure in now.items()}
    file.write_text(HEAD + "".join(f"{name} = {figure}\n" for name, figure in kept.items()), encoding="utf-8")


def worst(root: Path, count: int = 5) -> list[str]:
    """The longest functions over the limit, `path:line name lines`."""
    long = [
        (lines, f"{source.path}:{node.lineno} {node.name} {lines} lines")
        for source in sources(root)
        if source.path.endswith(".py")
        for node, lines in _functions(source)
        if lines > LIMITS["longest_function"]
    ]
    return [line for _, line in sorted(long, reverse=True)[:count]]


def _functions(source: Source) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            is_docstring = isinstance(first, ast.Expr) and id(first.value) in source.docstrings
            docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if is_docstring else 0
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def _function_lines(source: Source) -> list[int]:
    return [lines for _, lines in _functions(source)]


def _suppressions(source: Source) -> Iterator[tuple[str, int]]:
    comments = source.comments.values()
    yield "noqa", sum(bool(re.match(r"#\s*noqa\b", comment)) for comment in comments)
    yield "type_ignores", sum(bool(re.search(r"#\s*(type|\w*pyright):\s*ignore", c)) for c in comments)
    yield "house_suppressions", len(source.suppressions)


def _broad_excepts(source: Source) -> int:
    return len(re.findall(r"^\s*except\s*(?::|\(?[^:\n]*\b(?:Base)?Exception\b)", source.text, re.MULTILINE))
