"""The child that opens PDF and DOCX. Run by path as `python -I child.py pdf|docx`: document on stdin, JSON on stdout.

It imports nothing of the product, holds no secret and no connection, and lowers its own limits before it looks at a byte.
The answer is {"blocks": [...]} or {"problem": "<name of a class in callmissed.knowledge.problems>"}.
"""

import json
import logging
import re
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring
from pypdf import PdfReader
from pypdf.errors import LimitReachedError

MEMORY = 768 * 1024 * 1024
CPU_SECONDS = 15
MAX_PAGES = 2000
MAX_CHARACTERS = 4_000_000
MAX_MEMBERS = 5000
MAX_UNPACKED = 200 * 1024 * 1024
MAX_XML = 40 * 1024 * 1024
MAX_RATIO = 200
RATIO_FROM = 1024 * 1024
"""Small members may compress as they like: 1 MB of XML harms nobody."""
MIN_LETTERS_PER_DOCUMENT = 10
FULL_LINE = 45
"""A line of more characters was probably wrapped by the page's width, unless it ends a sentence."""
SENTENCE_ENDS = (".", "?", "!", ":", ";", "।")
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ParseError,
    EOFError,
    OSError,
    NotImplementedError,
)

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
Block = dict[str, Any]


class Refused(Exception):
    """The document is refused; the argument names the problem."""


def limit() -> None:
    """Lower this process's limits: memory, CPU time, no files written, no further processes of weight."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def read_pdf(content: bytes) -> list[Block]:
    """A PDF as blocks, one or more per page."""
    try:
        texts = pdf_texts(content)
    except (Refused, MemoryError, RecursionError):
        raise
    except LimitReachedError as too_much:
        raise Refused("TooComplex") from too_much
    except Exception as broken:  # a hostile file makes the library raise anything at all
        raise Refused("PdfBroken") from broken
    if not texts:
        raise Refused("PdfBroken")
    if sum(sign.isalnum() for text in texts for sign in text) < MIN_LETTERS_PER_DOCUMENT:
        raise Refused("PdfWithoutText")
    return [block for number, text in enumerate(texts, 1) for block in page_blocks(text, number)]


def pdf_texts(content: bytes) -> list[str]:
    """The text of each page."""
    reader = PdfReader(BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Refused("PdfEncrypted")
    if len(reader.pages) > MAX_PAGES:
        raise Refused("TooComplex")
    return [page.extract_text() or "" for page in reader.pages]


def page_blocks(text: str, page: int) -> Iterator[Block]:
    """The paragraphs of one page. Lines that were only wrapped by the page's width are joined again."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines: list[str] = []
        for line in (each.strip() for each in paragraph.split("\n")):
            wrapped = lines and len(lines[-1]) > FULL_LINE and not lines[-1].endswith(SENTENCE_ENDS)
            if line and wrapped:
                lines[-1] = lines[-1].removesuffix("-") + ("" if lines[-1].endswith("-") else " ") + line
            elif line:
                lines.append(line)
        if lines:
            yield {"kind": "text", "text": "\n".join(lines), "page": page}


def read_docx(content: bytes) -> list[Block]:
    """A Word document as blocks: headings by their style, paragraphs, tables."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            check_archive(archive)
            styles = heading_styles(archive)
            body = parse(member(archive, "word/document.xml")).find(f"{WORD}body")
    except BROKEN_ARCHIVE as broken:
        raise Refused("WordBroken") from broken
    except RuntimeError as locked:  # zipfile's answer to an encrypted member
        raise Refused("WordBroken") from locked
    except ValueError as forbidden:  # defusedxml's answer to document types, entities and outside references
        raise Refused("UnsafeDocument") from forbidden
    if body is None:
        raise Refused("WordBroken")
    return list(body_blocks(body, styles))


def check_archive(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that would unpack to too much, before unpacking any of it."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(each.file_size for each in members) > MAX_UNPACKED:
        raise Refused("UnsafeDocument")
    for each in members:
        if each.file_size > RATIO_FROM and each.file_size > MAX_RATIO * max(each.compress_size, 1):
            raise Refused("UnsafeDocument")


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """One member, read with a ceiling of its own: sizes in the archive's directory may lie."""
    with archive.open(name) as stream:
        content = stream.read(MAX_XML + 1)
    if len(content) > MAX_XML:
        raise Refused("UnsafeDocument")
    return content


def parse(content: bytes) -> Element:
    """XML without document type, entities or outside references. Raises ValueError on those, ParseError on broken XML."""
    return fromstring(content, forbid_dtd=True)


def heading_styles(archive: zipfile.ZipFile) -> dict[str, int]:
    """Style id → heading level. Word translates the ids of its styles, never their names."""
    try:
        styles = parse(member(archive, "word/styles.xml"))
    except KeyError:
        return {f"Heading{level}": level for level in range(1, 7)}
    found: dict[str, int] = {}
    for style in styles.iter(f"{WORD}style"):
        name = style.find(f"{WORD}name")
        match = re.fullmatch(
            r"heading (\d)|(title)", (name.get(f"{WORD}val") or "").lower() if name is not None else ""
        )
        if match:
            found[style.get(f"{WORD}styleId") or ""] = int(match[1] or 1)
    return found


def body_blocks(parent: Element, styles: dict[str, int]) -> Iterator[Block]:
    """Paragraphs and tables in the order of the document; content controls and the like are looked into."""
    for child in parent:
        if child.tag == f"{WORD}p":
            text = text_of(child)
            style = child.find(f"{WORD}pPr/{WORD}pStyle")
            level = styles.get(style.get(f"{WORD}val") or "", 0) if style is not None else 0
            if text:
                yield {"kind": "heading" if level else "text", "text": text, "level": level}
        elif child.tag == f"{WORD}tbl":
            rows = [[cell_text(cell) for cell in row.iter(f"{WORD}tc")] for row in child.findall(f"{WORD}tr")]
            yield {"kind": "table", "rows": [row for row in rows if any(row)]}
        elif child.tag in {f"{WORD}sdt", f"{WORD}sdtContent", f"{WORD}ins"}:
            yield from body_blocks(child, styles)


def cell_text(cell: Element) -> str:
    """All paragraphs of a cell on one line."""
    return " ".join(filter(None, (text_of(paragraph) for paragraph in cell.iter(f"{WORD}p"))))


def text_of(paragraph: Element) -> str:
    """The words of a paragraph, deleted revisions left out (they stand in w:delText)."""
    parts: list[str] = []
    for node in paragraph.iter():
        if node.tag == f"{WORD}t":
            parts.append(node.text or "")
        elif node.tag in {f"{WORD}tab", f"{WORD}br", f"{WORD}cr"}:
            parts.append(" ")
    return " ".join("".join(parts).split())


def answer(kind: str, content: bytes) -> dict[str, Any]:
    """The JSON answer for one document."""
    try:
        blocks = read_pdf(content) if kind == "pdf" else read_docx(content)
    except Refused as refused:
        return {"problem": str(refused)}
    except (MemoryError, RecursionError):
        return {"problem": "TooComplex"}
    if sum(len(str(block)) for block in blocks) > MAX_CHARACTERS:
        return {"problem": "TooComplex"}
    return {"blocks": blocks}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # what a library says of a document may quote it
    limit()
    sys.stdout.write(json.dumps(answer(sys.argv[1], sys.stdin.buffer.read())))
