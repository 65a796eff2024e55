"""The local models: one finds and quotes, one searches the workspace's own knowledge, one makes vectors of words, one speaks, one
hears, one sets posters. None writes anything of its own, and nothing leaves this installation.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import msgspec

from callmissed.foundation.database import Database
from callmissed.gateway.catalogue import Model
from callmissed.gateway.material import without_material
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.tokens import count, count_messages, text_of
from callmissed.gateway.upstreams.lexical import DIMENSIONS, embedded, vector
from callmissed.gateway.upstreams.local_poster import LocalPoster
from callmissed.gateway.upstreams.local_speech import LocalSpeech
from callmissed.gateway.upstreams.protocol import IMAGES, Asked, Piece, Replied, Terms, Work, Worked
from callmissed.gateway.upstreams.seeking import SNIPPETS, Finding, Found, Sought
from callmissed.gateway.upstreams.sound import Heard, Listening, Sound, Wording
from callmissed.knowledge import Answer, Passage, answer, retrieve, retrieve_in_text

LOCAL = "local"
"""What this installation is called among the upstreams."""
WORD = re.compile(r"\S+\s*")
UNSUPPORTED = ("tools", "functions", "response_format", "logprobs", "audio", "modalities")
PASSAGES = 5
MOST_FOUND = 50
MOST_LETTERS, MOST_NUMBERS = 100_000, 300_000
"""In one request for vectors: what takes a processor less than a second."""
FEWEST, MOST = 64, 4_096
"""Dimensions of a vector."""


class _Vectors(msgspec.Struct):
    dimensions: int | None = None
    encoding_format: str | None = None


_vectors = msgspec.json.Decoder(_Vectors)


def _data(texts: Sequence[str], size: int, *, packed: bool) -> bytes:
    made = [embedded(vector(text, size), n, packed=packed) for n, text in enumerate(texts)]
    return msgspec.json.encode({"data": made})


class LocalUpstream:
    """`local/extractive` over the tenant's knowledge, or over the text in the request; `local/lexical` over texts;
    `local/poster`, which sets words; and, where the machine has them, a voice and an ear.
    """

    def __init__(self, db: Database, region: str) -> None:
        self._db = db
        self._speech = LocalSpeech()
        self._poster = LocalPoster()
        self.taking = None
        self.terms = Terms(LOCAL, region, "runs inside this installation", "this installation")

    def check(self, asked: Asked) -> None:
        """Refuse tools, formats and several choices: it can only quote."""
        for name in UNSUPPORTED:
            if name in asked.extra and bytes(asked.extra[name]) not in (b"null", b"false", b"[]"):
                raise Unsupported(param=name)
        if asked.n != 1:
            raise Unsupported(param="n")
        if not any(message.get("role") == "user" for message in asked.messages):
            raise RequestInvalid("There is no message of the user to answer.", param="messages")

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer."""
        found = await self._answer(asked)
        words, finish = fitting(found.text, asked.max_tokens)
        text = "".join(words)
        message = {"role": "assistant", "content": text, "refusal": None, "citations": citations(found)}
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
        return Replied(
            msgspec.json.encode(choices), text, count_messages(asked.messages), count(text), citations(found)
        )

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer word by word, as fast as it is read: it was composed at once, and no delay pretends otherwise."""
        found = await self._answer(asked)
        words, finish = fitting(found.text, asked.max_tokens)
        cited = citations(found)
        yield Piece(
            _delta({"role": "assistant", "content": ""}), "", count_messages(asked.messages), None, cited
        )
        for word in words:
            yield Piece(_delta({"content": word}), word)
        yield Piece(_delta({"citations": cited} if cited else {}, finish), "", None, count("".join(words)))

    async def work(self, work: Work) -> Worked:
        """Vectors of texts, or a poster of one."""
        if work.path == IMAGES:
            return await self._poster.draw(work)
        wished = _vectors.decode(msgspec.json.encode(work.extra))
        if not work.texts:
            raise Unsupported(param="input")  # tokens of a vocabulary: it has none
        size = wished.dimensions or DIMENSIONS
        if not FEWEST <= size <= MOST:
            raise RequestInvalid(f"dimensions are {FEWEST} to {MOST} here.", param="dimensions")
        if sum(map(len, work.texts)) > MOST_LETTERS or len(work.texts) * size > MOST_NUMBERS:
            raise RequestInvalid(
                f"At most {MOST_LETTERS} letters, and {MOST_NUMBERS} numbers in the answer, at once here.",
                param="input",
            )
        data = await asyncio.to_thread(_data, work.texts, size, packed=wished.encoding_format == "base64")
        return Worked(data, sum(map(count, work.texts)), 0)

    def has(self, model: Model) -> bool:
        """Whether this machine can run a model of ours."""
        return {"speech": self._speech.can_speak, "transcription": self._speech.can_hear}.get(
            model.kind, True
        )

    async def speak(self, wording: Wording) -> Sound:
        """A text in the voice of this machine."""
        return await self._speech.speak(wording)

    async def hear(self, listening: Listening) -> Heard:
        """What is said in a recording, as far as a recogniser for demonstrations can tell."""
        return await self._speech.hear(listening)

    async def search(self, sought: Sought) -> Found:
        """Passages of the workspace's own knowledge, and the sentences that answer. Nothing of the web: it has never seen it."""
        sought.check(("include_content",), MOST_FOUND)
        async with self._db.tenant(sought.access) as tx:
            passages = await retrieve(tx, sought.query, limit=sought.count)
        told = answer(sought.query, passages)
        return Found([_finding(each, sought) for each in passages], told.text if told.citations else None)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _answer(self, asked: Asked) -> Answer:
        if asked.passages is not None:
            _, plain = without_material(asked.messages)
            return answer(question_and_text(plain)[0], asked.passages)
        items, plain = without_material(asked.messages)
        question, text = question_and_text(plain)
        text = "\n\n".join([*(f"# {each.title}\n\n{each.text}" for each in items), text])
        async with self._db.tenant(asked.access) as tx:
            passages = await retrieve_in_text(tx, question, text, limit=PASSAGES)
        return answer(question, passages)


def _finding(passage: Passage, sought: Sought) -> Finding:
    """A passage as a result: it stands at no address of the web, so it has that of its source here (RFC 9562)."""
    heading, locator = passage.heading, passage.locator
    parts = (
        "" if heading.startswith(passage.title) else passage.title,
        heading,
        "" if heading.endswith(locator) else locator,
    )
    title = " · ".join(part for part in parts if part) or passage.title
    url = passage.source_id.urn if passage.source_id else ""
    snippet = passage.text[: SNIPPETS[sought.mode]]
    return Finding(title, url, snippet, None, passage.text if sought.content else None, passage.source_id)


def fitting(text: str, max_tokens: int | None) -> tuple[list[str], str]:
    """The words of an answer that fit, each with the space after it, and how OpenAI calls the reason it ends there."""
    words = WORD.findall(text)
    left = max_tokens if max_tokens is not None else count(text)
    for n, word in enumerate(words):
        left -= count(word)
        if left < 0:
            return words[:n], "length"
    return words, "stop"


def question_and_text(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The last message of the user, and the text to answer from.

    The text is what system and user said before; of a last message with several paragraphs, the last one is the question.
    """
    last = max(n for n, message in enumerate(messages) if message.get("role") == "user")
    said = text_of(messages[last]).strip()
    around = [
        text_of(each) for n, each in enumerate(messages) if n != last and each.get("role") != "assistant"
    ]
    paragraphs = [part for part in re.split(r"\n\s*\n", said) if part.strip()]
    if len(paragraphs) > 1:
        around += paragraphs[:-1]
        said = paragraphs[-1]
    return said, "\n\n".join(part for part in around if part.strip())


def citations(found: Answer) -> Sequence[dict[str, Any]]:
    """Where the sentences stand, for whoever shows them."""
    return [
        {
            "number": each.number,
            "source_id": str(each.passage.source_id) if each.passage.source_id else None,
            "title": each.passage.title,
            "heading": each.passage.heading,
            "locator": each.passage.locator,
            "text": each.passage.text,
        }
        for each in found.citations
    ]


def _delta(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return msgspec.json.encode([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])
