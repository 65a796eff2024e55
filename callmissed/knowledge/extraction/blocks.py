"""The form every document takes before it is cut into passages."""

from dataclasses import dataclass
from itertools import chain
from typing import Literal

BlockKind = Literal["heading", "text", "table"]
DocumentKind = Literal["text", "markdown", "pdf", "docx"]


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a document: a heading (with its level, 1 the highest), a paragraph or list, or a table of rows.

    `page` counts from 1 where the format has pages.
    """

    kind: BlockKind
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read: its kind and its blocks in order."""

    kind: DocumentKind
    blocks: tuple[Block, ...]

    @property
    def characters(self) -> int:
        """How much readable text there is: letters and digits, in headings, text and tables."""
        cells = (cell for block in self.blocks for row in block.rows for cell in row)
        texts = chain(cells, (block.text for block in self.blocks))
        return sum(sign.isalnum() for text in texts for sign in text)
