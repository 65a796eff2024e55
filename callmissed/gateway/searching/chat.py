"""Search before an answer: the last words of the user are looked for, and what is found is put before the model as material.

It is a search of its own, with a record and a price of its own: it stays paid when the model does not answer afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import Caller
from callmissed.gateway.headers import Headers, cost
from callmissed.gateway.material import (
    Item,
    last_words,
    named_in,
    url_citations,
    with_material,
    without_material,
)
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.searching.calls import Searched, seek
from callmissed.gateway.searching.requests import SearchBody, SearchRequest
from callmissed.gateway.upstreams import Mode
from callmissed.gateway.wishes import WEB_OPTIONS, Web

LONGEST_LOOKED_UP: Final = 400
"""Characters of the last words of the user that are searched for: what follows is seldom the question."""
SIZES: Final[Mapping[str, Mode]] = {"low": "shorter", "medium": "auto", "high": "detailed"}
"""OpenAI's `search_context_size`, as how much of each result is told."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, numbered as the model is told it."""

    done: Searched
    items: Sequence[Item]

    def annotations(self, text: str) -> list[dict[str, Any]]:
        """Where a text names what was found, as OpenAI writes it."""
        return url_citations(text, self.items)

    def annotated(self, choices: bytes, said: str = "") -> bytes:
        """Choices, whole or as the last part of a stream, with their annotations; `said` is what a stream said before."""
        told: list[dict[str, Any]] = msgspec.json.decode(choices)
        for each in told:
            words: dict[str, Any] = each.get("message") or each.get("delta") or {}
            if found := self.annotations(said + (words.get("content") or "")):
                each["message" if "message" in each else "delta"] = {**words, "annotations": found}
        return msgspec.json.encode(told)

    def members(self, text: str) -> dict[str, Any]:
        """What an answer says of it, in every language."""
        named = named_in(text)
        results = [
            {"number": each.number, "title": each.title, "url": each.url, "cited": each.number in named} for each in self.items
        ]  # fmt: skip
        return {"search": {"model": self.done.model, "id": self.done.usage_id, "results": results}}

    @property
    def notes(self) -> Headers:
        """As headers say it: who searched, where, how much was found, for how much, under which record."""
        done = self.done
        return [
            (b"cm-search-model", done.model.encode()),
            (b"cm-search-processed-in", done.provenance.terms.region.encode()),
            (b"cm-search-results", b"%d" % len(self.items)),
            (b"cm-search-cost-inr", cost(done.price_micro)[1]),
            (b"cm-search-usage-id", str(done.usage_id).encode()),
        ]


async def look_up(
    services: Services, access: Access, messages: Sequence[Mapping[str, Any]], wish: Web, caller: Caller
) -> tuple[Sequence[Mapping[str, Any]], Looked]:
    """The messages with what was found, and the search itself. Raises Unsupported where nobody may search, and as `seek` does."""
    if not wish.model:
        raise Unsupported(param=WEB_OPTIONS)
    # What grounding and files have put before the question is private, and is not what is looked for.
    asked = last_words(without_material(messages)[1])
    query = " ".join(asked.split())[:LONGEST_LOOKED_UP]
    if not query:
        raise RequestInvalid("There is nothing in the last message to search for.", param="messages")
    body = SearchBody(
        query, None, SIZES[wish.size], wish.results, wish.include, wish.exclude, gl=wish.country,
    )  # fmt: skip
    alone = replace(caller, usage_id=None, interruption=None, arrived=None)
    done = await seek(services, access, SearchRequest(wish.model, body), alone)
    found = [(each.title, each.content or each.snippet, each.url) for each in done.found.findings]
    if not found:
        return messages, Looked(done, ())
    told, items = with_material(messages, found)
    return told, Looked(done, items)
