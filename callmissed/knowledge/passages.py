"""Cutting a document into passages: what retrieval finds, cites and answers from.

A passage is 60 to 120 words under one heading (longer only when a single sentence is), cut between sentences. A table row
becomes one line that carries its header, so that a price never loses the name of what it is the price of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from callmissed.knowledge.extraction import Block
from callmissed.knowledge.language import language_of
from callmissed.knowledge.sentences import sentences

ENOUGH_WORDS = 60
MOST_WORDS = 120
MOST_CHARACTERS = 2000
"""Cuts text without spaces or sentence ends, which no rule about words would ever cut."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage before it is stored: `heading` is the path of headings above it, `locator` where to look it up."""

    ordinal: int
    heading: str
    locator: str
    text: str
    language: str


@dataclass(slots=True)
class _Section:
    """The lines collected so far under one heading (and, in PDFs, on one page)."""

    path: tuple[str, ...] = ()
    page: int | None = None
    lines: list[str] = field(default_factory=list[str])

    @property
    def words(self) -> int:
        return sum(len(line.split()) for line in self.lines)


def passages(blocks: Sequence[Block], title: str = "") -> list[Draft]:
    """The passages of a document, in order."""
    drafts: list[Draft] = []
    document = "\n".join(block.text for block in blocks if block.kind == "text")
    usual = language_of(document or title)
    for section in _sections(blocks):
        text = "\n".join(section.lines)
        language = language_of(text, usual)
        drafts.append(Draft(len(drafts) + 1, " › ".join(section.path), _locator(section), text, language))
    return drafts


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    current = _Section()
    levels: list[tuple[int, str]] = []
    for block in blocks:
        if block.kind == "heading":
            if current.lines:
                yield current
            levels = [each for each in levels if each[0] < block.level] + [(block.level, block.text)]
            current = _Section(tuple(text for _, text in levels))
            continue
        if block.page != current.page and current.lines:
            yield current
            current = replace(current, lines=[])
        current.page = block.page
        for line in _lines(block):
            full = (
                current.words + len(line.split()) > MOST_WORDS
                or sum(map(len, current.lines)) > MOST_CHARACTERS
            )
            if current.lines and full:
                yield current
                current = replace(current, lines=[])
            current.lines.append(line)
        if current.words >= ENOUGH_WORDS:
            yield current
            current = replace(current, lines=[])
    if current.lines:
        yield current


def _lines(block: Block) -> Iterator[str]:
    """The pieces of a block that are never cut: sentences, or rows."""
    if block.kind == "table":
        yield from _rows(block.rows)
        return
    for line in block.text.split("\n"):
        # Lines that are short lists stay whole; long paragraphs part into sentences.
        parts = [line] if len(line.split()) <= ENOUGH_WORDS else sentences(line)
        for part in parts:
            yield from (part[at : at + MOST_CHARACTERS] for at in range(0, len(part), MOST_CHARACTERS))


def _rows(rows: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    """Each row as one line: its first cell, then "header: value" for the rest."""
    if not rows:
        return
    header, *body = rows
    if not body:
        yield " – ".join(filter(None, header))
        return
    for row in body:
        rest = [
            f"{name}: {cell}" if name else cell
            for name, cell in zip(header[1:], row[1:], strict=False)
            if cell
        ]
        yield f"{row[0]} – {', '.join(rest)}" if rest else row[0]


def _locator(section: _Section) -> str:
    """Where a reader finds the passage again: the page in a PDF, else the nearest heading."""
    if section.page is not None:
        return f"p. {section.page}"
    return section.path[-1] if section.path else ""
