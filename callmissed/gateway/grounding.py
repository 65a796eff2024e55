"""Grounding: passages of a bot's knowledge are put before a model as material, and the answer says which of them it names."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from callmissed.foundation.database import Tx
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.material import last_words, named_in, with_material
from callmissed.gateway.problems import KnowledgeMissing
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.wishes import Grounding
from callmissed.knowledge import Passage, retrieve

LONGEST_QUESTION = 2_000
"""Characters of the last words of the user that passages are looked for with."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """How the room of bots is asked which sources a bot has. Raises NotFound for a bot that is not the tenant's."""

    sources_of: Callable[[Tx, UUID], Awaitable[Sequence[UUID]]]


@dataclass(frozen=True, slots=True)
class Grounded:
    """What was found for a request, best first: number 1 is the first."""

    bot_id: UUID | None
    passages: Sequence[Passage]

    def citations(self, text: str) -> list[dict[str, Any]]:
        """The passages, and whether the answer names each."""
        named = named_in(text)
        return [
            {
                "number": number,
                "source_id": str(each.source_id) if each.source_id else None,
                "title": each.title,
                "heading": each.heading,
                "locator": each.locator,
                "text": each.text,
                "url": None,
                "score": round(each.score, 4),
                "cited": number in named,
            }
            for number, each in enumerate(self.passages, 1)
        ]

    def members(self, text: str, own: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What an answer says of it. `own` are the citations of a model that makes them itself."""
        told = {"bot_id": str(self.bot_id) if self.bot_id else None, "passages": len(self.passages)}
        cited = [{**each, "url": None, "cited": True} for each in own] if own else self.citations(text)
        return {"grounding": told, "citations": cited}


async def ground(
    services: Services, access: Access, request: CompletionRequest, wish: Grounding
) -> tuple[CompletionRequest, Grounded]:
    """The request with what was found for the last words of the user. Call it with no transaction open.

    Where no message is the user's, nothing is found. Raises NotFound for a bot that is not the tenant's, and KnowledgeMissing.
    """
    is_asked = any(each.get("role") == "user" for each in request.messages)
    question = last_words(request.messages)[:LONGEST_QUESTION] if is_asked else ""
    async with services.db.tenant(access) as tx:
        sources = wish.sources
        if wish.bot_id is not None:
            sources = await services.get(Grounds).sources_of(tx, wish.bot_id)
        found = await retrieve(tx, question, sources=sources, limit=wish.top_k)
    passages = [each for each in found if each.score >= wish.min_score]
    if not passages:
        if wish.required:
            raise KnowledgeMissing(param="knowledge_required")
        return request, Grounded(wish.bot_id, ())
    items = [(_place(each), each.text, "") for each in passages]
    messages, _ = with_material(request.messages, items)
    return replace(request, messages=messages), Grounded(wish.bot_id, passages)


def _place(passage: Passage) -> str:
    """Title and heading, each once."""
    if not passage.heading or passage.heading.startswith(passage.title):
        return passage.heading or passage.title
    return f"{passage.title}: {passage.heading}"
