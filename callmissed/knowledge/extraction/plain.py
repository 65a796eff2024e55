"""Plain text and Markdown as blocks. Nothing here can be made slow or large by its input."""

import re
import unicodedata

from callmissed.knowledge.extraction.blocks import Block
from callmissed.knowledge.problems import NotText

MAX_CONTROL_SHARE = 0.001
MAX_HIGH_SHARE = 0.15
"""Windows-1252 text is mostly ASCII. A larger share of high bytes is cut or foreign text that would come out as noise."""

HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*$")
RULE = re.compile(r"^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
BULLET = re.compile(r"^[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+")
DIVIDER = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$")
LINK = re.compile(r"!?\[([^\]\[]{0,500})\]\([^()\s]{0,2000}(?:[ \t]+\"[^\"]{0,500}\")?\)")
TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]{0,500}>", re.DOTALL)
EMPHASIS = re.compile(r"(\*{1,3}|~~|`+)(?=\S)(.{1,500}?)(?<=\S)\1")


def decode(content: bytes) -> str:
    """Text from bytes: UTF-8, UTF-16 by its mark or its pattern of zeros, else Windows-1252. Raises NotText."""
    text = _decode(content)
    control = sum(1 for sign in text if unicodedata.category(sign) == "Cc" and sign not in "\t\n\r\f\v\x85")
    if control > MAX_CONTROL_SHARE * len(text) or "\0" in text:
        raise NotText
    return re.sub(r"\r\n?|\x85|\u2028", "\n", text)


def _decode(content: bytes) -> str:
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16")
        if content[:2000].count(0) > len(content[:2000]) // 4:
            little = content[1:2000:2].count(0) > content[0:2000:2].count(0)
            return content.decode("utf-16-le" if little else "utf-16-be")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if sum(byte > 0x7F for byte in content) > MAX_HIGH_SHARE * len(content):
        raise NotText
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as unknown:
        raise NotText from unknown


def from_plain(text: str) -> tuple[Block, ...]:
    """Blocks of plain text: paragraphs are parted by blank lines; lines of one paragraph stay lines."""
    paragraphs = re.split(r"\n[ \t]*\n", text)
    return tuple(Block("text", stripped) for each in paragraphs if (stripped := each.strip()))


def from_markdown(text: str) -> tuple[Block, ...]:
    """Blocks of Markdown (CommonMark headings, lists, paragraphs; GitHub's tables). Markup is taken off, words stay."""
    blocks: list[Block] = []
    pending: list[str] = []

    def flush() -> None:
        if pending:
            blocks.append(Block("text", "\n".join(pending)))
            pending.clear()

    lines = _without_front_matter(TAG.sub("", text).split("\n"))
    at = 0
    while at < len(lines):
        line = lines[at]
        heading = HEADING.match(line)
        if heading:
            flush()
            blocks.append(Block("heading", _bare(heading[2]), len(heading[1])))
        elif at + 1 < len(lines) and "|" in line and DIVIDER.match(lines[at + 1]) and "|" in lines[at + 1]:
            flush()
            at, rows = _table(lines, at)
            blocks.append(Block("table", rows=rows))
            continue
        elif len(pending) == 1 and UNDERLINE.match(line):
            blocks.append(Block("heading", pending.pop(), 1 if "=" in line else 2))
        elif not line.strip() or RULE.match(line) or line.lstrip().startswith(("```", "~~~")):
            flush()
        elif pending and not BULLET.match(line):
            pending[-1] += " " + _bare(line)
        else:
            pending.append(_bare(line))
        at += 1
    flush()
    return tuple(blocks)


def _without_front_matter(lines: list[str]) -> list[str]:
    """Markdown without the YAML block that some tools put first."""
    if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:40]):
        end = next(n for n, line in enumerate(lines[1:40], 1) if line.strip() == "---")
        return lines[end + 1 :]
    return lines


def _table(lines: list[str], at: int) -> tuple[int, tuple[tuple[str, ...], ...]]:
    """The table that starts at this line, without its dividing line, and the line after it."""
    rows = [_cells(lines[at])]
    at += 2
    while at < len(lines) and "|" in lines[at] and lines[at].strip():
        rows.append(_cells(lines[at]))
        at += 1
    return at, tuple(rows)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(_bare(cell.replace(r"\|", "|")) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))


def _bare(line: str) -> str:
    """A line without list marks, quote marks, emphasis and link targets."""
    line = BULLET.sub("", line.strip().lstrip("> "))
    return EMPHASIS.sub(r"\2", LINK.sub(r"\1", line)).strip()
