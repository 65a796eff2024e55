"""What a rule is, and how a tree is held against all of them in one pass over each file."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import ClassVar

SCANNED = ("callmissed", "tests", "tools", "bench", "migrations")
SKIPPED = re.compile(r"/(vendor|__pycache__|node_modules)/|^migrations/versions/")
SUPPRESSION = re.compile(r"#\s*house:\s*(?P<code>[a-z-]+)[ \t]*(?P<reason>.*?)\s*(#\}|$)")


@dataclass(frozen=True, order=True)
class Finding:
    """One offence: where it stands, which rule it breaks, and what to do instead."""

    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code}: {self.message}"


@dataclass(frozen=True)
class Source:
    """A file to be judged. `path` is relative to the root of the project, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; raises SyntaxError."""
        return ast.parse(self.text, self.path)

    @cached_property
    def comments(self) -> dict[int, str]:
        """Comment of each line that has one, by line number."""
        if not self.path.endswith(".py"):
            return {n: line for n, line in enumerate(self.text.splitlines(), 1) if "{#" in line}
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    @cached_property
    def docstrings(self) -> set[int]:
        """Ids of the string nodes that are docstrings (or notes under an assignment)."""
        return {
            id(node.value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }

    @cached_property
    def suppressions(self) -> dict[int, re.Match[str]]:
        """`# house: code reason`, by the line it speaks for: its own, or the next when it stands alone."""
        lines = self.text.splitlines()
        found: dict[int, re.Match[str]] = {}
        for number, comment in self.comments.items():
            if match := SUPPRESSION.search(comment):
                alone = lines[number - 1].lstrip().startswith(("#", "{#"))
                found[self._next_code(lines, number) if alone else number] = match
        return found

    @staticmethod
    def _next_code(lines: list[str], number: int) -> int:
        """First line after `number` that is not itself a comment."""
        while number < len(lines) and lines[number].lstrip().startswith("#"):
            number += 1
        return number + 1


class Rule:
    """One house rule. A subclass gives the offence; the examples prove that it sees it and nothing else."""

    code: ClassVar[str]
    message: ClassVar[str]
    good: ClassVar[tuple[str, ...]]
    bad: ClassVar[tuple[str, ...]]
    within: ClassVar[tuple[str, ...]] = ("callmissed/*.py",)
    outside: ClassVar[tuple[str, ...]] = ()
    example_path: ClassVar[str] = "callmissed/bots/service.py"

    def applies(self, path: str) -> bool:
        """Whether this rule has a say about the file (`*` also matches slashes)."""
        return any(fnmatchcase(path, p) for p in self.within) and not any(
            fnmatchcase(path, p) for p in self.outside
        )

    def look(self, source: Source) -> Iterator[tuple[int, str]]:
        """Judge a file as a whole: yields (line, what was found)."""
        yield from ()


class NodeRule(Rule):
    """A rule about single nodes of the syntax tree."""

    nodes: ClassVar[tuple[type[ast.AST], ...]]

    def offence(self, node: ast.AST, source: Source) -> str | None:
        """What was found at the node (shown to the reader), or None when it is fine."""
        raise NotImplementedError


def judge(source: Source, rules: Iterable[Rule]) -> list[Finding]:
    """Every offence of one file that is not suppressed with a reason, sorted by line."""
    rules = [rule for rule in rules if rule.applies(source.path)]
    try:
        found = [*_whole(source, rules), *_by_node(source, rules)]
    except (SyntaxError, tokenize.TokenError) as broken:
        return [Finding(source.path, getattr(broken, "lineno", None) or 1, "syntax", str(broken))]
    used: set[int] = set()
    kept: list[Finding] = []
    for finding in found:
        match = source.suppressions.get(finding.line)
        if match and match["code"] == finding.code and len(match["reason"].split()) > 1:
            used.add(finding.line)
        else:
            kept.append(finding)
    kept += [
        Finding(
            source.path, line, "unused", f"`house: {match['code']}` suppresses nothing or gives no reason"
        )
        for line, match in source.suppressions.items()
        if line not in used
    ]
    return sorted(set(kept))


def judge_tree(root: Path, rules: Iterable[Rule]) -> list[Finding]:
    """Every offence under `root`."""
    rules = list(rules)
    return [finding for source in sources(root) for finding in judge(source, rules)]


def sources(root: Path) -> Iterator[Source]:
    """The files the house answers for: Python and templates, without what was vendored or generated."""
    for top in SCANNED:
        for file in sorted((root / top).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.suffix in {".py", ".html"} and not SKIPPED.search(path):
                yield Source(path, file.read_text(encoding="utf-8"))


def _whole(source: Source, rules: list[Rule]) -> Iterator[Finding]:
    for rule in rules:
        for line, what in rule.look(source):
            yield Finding(source.path, line, rule.code, f"{what}: {rule.message}")


def _by_node(source: Source, rules: list[Rule]) -> Iterator[Finding]:
    interested: dict[type[ast.AST], list[NodeRule]] = {}
    for rule in rules:
        if isinstance(rule, NodeRule):
            for kind in rule.nodes:
                interested.setdefault(kind, []).append(rule)
    if not interested:
        return
    for node in ast.walk(source.tree):
        for rule in interested.get(type(node), ()):
            if what := rule.offence(node, source):
                yield Finding(source.path, getattr(node, "lineno", 1), rule.code, f"{what}: {rule.message}")
