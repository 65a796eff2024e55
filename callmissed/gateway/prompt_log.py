"""The prompt log: what a key asks and is answered, kept sealed for its days where the key is switched to it. Off unless it is.

It is written once the answer has left, in one row: a process that dies before leaves nothing, never a half. The log of a key that
masks is masked too, and holds nothing of a body that was cut: half a document, or half a number, cannot be masked with certainty.
"""

import contextlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from callmissed.billing import used
from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import NotFound
from callmissed.gateway import repository
from callmissed.gateway.masking import Mask
from callmissed.gateway.models import LONGEST_LOG_DAYS, PromptLog
from callmissed.gateway.requests import readable
from callmissed.identity import PROMPT_LOG, keys

RETENTION_CLASS = "prompt_log"
LARGEST = 1_000_000
"""Bytes of a request, and of an answer, that are kept."""
MOST_KEPT = 500_000_000
"""Bytes that a workspace can have kept; above, nothing more is."""


class PromptNotKept(NotFound):
    """Nothing was kept of what this request asked: its key was not switched to it, or its days are over."""

    code = "prompt_not_kept"


class Exchange(msgspec.Struct):
    """What was asked at an address, and what was answered: bodies as they went over the wire, cut where they are too long."""

    path: str
    asked: bytes
    told: bytes = b""
    streamed: bool = False
    is_cut: bool = False


def packed(exchange: Exchange, *, masks: bool) -> bytes:
    """It as it is kept; where its key masks, with placeholders. Takes long: call it in a thread. Raises Malformed, TooLongToMask."""
    return zlib.compress(msgspec.msgpack.encode(_masked(exchange) if masks else exchange), 1)


@dataclass(frozen=True, slots=True)
class Content:
    """What was kept, for a reader: JSON where it is JSON, text where not; of a stream its words."""

    path: str
    asked: Any
    answered: Any
    is_cut: bool
    kept_until: datetime


async def keep_content(tx: Tx, key_id: UUID, usage_id: UUID, content: bytes, *, begun: bool) -> None:
    """Keep what was `packed` for as many days as the key asks for now. Of what was not answered (`begun`), only where a usage record says so."""
    days = (await keys.options_of(tx, key_id)).get(PROMPT_LOG, 0)
    if not days or await repository.logged_bytes(tx) > MOST_KEPT:
        return
    if not begun:
        try:
            await used(tx, usage_id)
        except NotFound:  # it was refused before it was a request
            return
    box = await tx.vault.person(key_id, RETENTION_CLASS)
    sealed = box.seal(PromptLog.content, usage_id, content)
    counts_from = clock.now() - timedelta(days=LONGEST_LOG_DAYS - days)
    tx.session.add(
        PromptLog(tenant_id=tx.tenant_id, id=usage_id, key_id=key_id, counts_from=counts_from, content=sealed)
    )


async def content_kept_until(tx: Tx, usage_id: UUID) -> datetime | None:
    """Until when what a request asked is kept; None where it is not."""
    row = await repository.logged(tx, usage_id)
    return _ends(row) if row else None


async def read_content(tx: Tx, usage_id: UUID) -> Content:
    """What was kept of a request; that it was read is written down. Raises PromptNotKept, for other tenants' ids too."""
    row = await repository.logged(tx, usage_id)
    if row is None:
        raise PromptNotKept
    content = await tx.vault.open_bytes(PromptLog.content, row.id, row.key_id, row.content)
    kept = msgspec.msgpack.decode(zlib.decompress(content), type=Exchange)
    await audit.record(tx, "gateway:prompt_log:read", target=row.id, body={})
    answered = words_of(kept.told) if kept.streamed else _document(kept.told)
    return Content(kept.path, _document(kept.asked), answered, kept.is_cut, _ends(row))


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | None = None
    text: str | None = None
    partial_json: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    text: str | None = None
    index: int = 0


class _Event(msgspec.Struct):
    """What an event adds, in whichever language: OpenAI's choices, the delta of a response, Anthropic's of a block."""

    delta: str | _Delta | None = None
    choices: list[_Choice] = []


_event = msgspec.json.Decoder(_Event)


def words_of(events: bytes) -> str:
    """What the events of a stream say: words, and the calls of tools; one choice after the other, each in a line of its own.

    An event that says nothing of the kind is passed over.
    """
    said: dict[int, list[str]] = {}
    for line in events.split(b"\n"):
        if line.startswith(b"data: {"):
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                for index, words in _added(_event.decode(line[6:])):
                    if words:
                        said.setdefault(index, []).append(words)
    return "\n".join("".join(said[index]) for index in sorted(said))


def _added(event: _Event) -> Iterator[tuple[int, str | None]]:
    for index, delta in ((0, event.delta), *((choice.index, choice.delta) for choice in event.choices)):
        if isinstance(delta, _Delta):
            yield from ((index, words) for words in (delta.content, delta.text, delta.partial_json))
            for call in delta.tool_calls or ():
                yield from ((index, words) for words in (call.function.name, call.function.arguments))
        else:
            yield index, delta
    yield from ((choice.index, choice.text) for choice in event.choices)


def _masked(exchange: Exchange) -> Exchange:
    """The same with placeholders. What a stream says is masked as a whole: a number may go over several events."""
    mask = Mask("")
    told = words_of(exchange.told).encode() if exchange.streamed else exchange.told
    with readable():
        asked, told = (_json(mask.words(_document(each))) for each in (exchange.asked, told))
    return Exchange(exchange.path, asked, told, streamed=False, is_cut=exchange.is_cut)


def _json(document: Any) -> bytes:
    return msgspec.json.encode(document)


def _document(body: bytes) -> Any:
    """JSON, or text where it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def _ends(row: PromptLog) -> datetime:
    return row.counts_from + timedelta(days=LONGEST_LOG_DAYS)
