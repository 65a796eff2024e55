"""Reading one document: decide its kind, then read it here (text) or in a child process with limits (PDF, DOCX)."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from callmissed.knowledge import problems
from callmissed.knowledge.extraction.blocks import Block, Document
from callmissed.knowledge.extraction.kinds import kind_of
from callmissed.knowledge.extraction.plain import decode, from_markdown, from_plain

MAX_BYTES = 20 * 1024 * 1024
WALL_SECONDS = 30.0
MAX_ANSWER = 32 * 1024 * 1024
CHILD = Path(__file__).with_name("child.py")

_one_at_a_time = asyncio.Semaphore(2)
"""Children may take 768 MB each; two at once is what a small machine can carry."""


async def read(content: bytes, filename: str = "") -> Document:
    """The blocks of a document. Raises a subclass of `Unreadable` that says what is wrong and what to do."""
    if len(content) > MAX_BYTES:
        raise problems.DocumentTooLarge(bytes=len(content), limit=MAX_BYTES)
    if not content.strip():
        raise problems.EmptyDocument
    kind = kind_of(content, filename)
    if kind in {"pdf", "docx"}:
        async with _one_at_a_time:
            blocks = await _in_child(kind, content)
    else:
        text = decode(content)
        blocks = from_markdown(text) if kind == "markdown" else from_plain(text)
    document = Document(kind, blocks)
    if not document.characters:
        raise problems.EmptyDocument
    return document


async def _in_child(kind: str, content: bytes) -> tuple[Block, ...]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(CHILD), kind,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"}, cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(child.communicate(content), WALL_SECONDS)
    except TimeoutError as late:
        raise problems.TooComplex from late
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or len(output) > MAX_ANSWER:
        # Killed by a limit (SIGKILL, SIGXCPU) or dead in the parser: either way the document is to blame.
        raise problems.TooComplex
    return _blocks(json.loads(output))


def _blocks(answer: dict[str, Any]) -> tuple[Block, ...]:
    if "problem" in answer:
        raise getattr(problems, answer["problem"])
    return tuple(
        Block(each["kind"], _clean(each.get("text", "")), each.get("level", 0),
              tuple(tuple(_clean(cell) for cell in row) for row in each.get("rows", ())), each.get("page"))
        for each in answer["blocks"]
    )  # fmt: skip


def _clean(text: str) -> str:
    """Text that PostgreSQL can hold: no zero characters, no halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
