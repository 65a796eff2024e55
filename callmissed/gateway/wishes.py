"""What a request asks of the gateway itself, besides its model: to ground it on a bot's knowledge, to compress what is too long, to
repair broken JSON. All of it is off unless a request asks for it, or its key is switched to it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from callmissed.gateway.problems import RequestInvalid
from callmissed.identity import COMPRESSION, REPAIR

USUAL_PASSAGES, MOST_PASSAGES = 5, 20
WISHED = frozenset(
    {"bot_id", "knowledge_top_k", "knowledge_min_score", "knowledge_required", "plugins", "transforms"}
)
"""Members of a request that are meant for the gateway: no upstream sees them."""


class Plugin(msgspec.Struct):
    """One thing to be done. `enabled` false switches off what the key is switched to."""

    id: Literal["context-compression", "response-healing"]
    enabled: bool = True


class _Body(msgspec.Struct):
    bot_id: UUID | None = None
    knowledge_top_k: Annotated[int, msgspec.Meta(ge=1, le=MOST_PASSAGES)] | None = None
    knowledge_min_score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    knowledge_required: bool | None = None
    plugins: Annotated[list[Plugin], msgspec.Meta(max_length=10)] | None = None
    transforms: Annotated[list[Literal["middle-out"]], msgspec.Meta(max_length=10)] | None = None


_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class Grounding:
    """What an answer has to rest on: at most so many passages of a bot's knowledge, each of at least this score (0 to 1).

    `sources` stand in for a bot whose sources are known already. `required`: without a passage nothing is asked.
    """

    bot_id: UUID | None = None
    sources: Sequence[UUID] = ()
    top_k: int = USUAL_PASSAGES
    min_score: float = 0.0
    required: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for. None: as the key says."""

    grounding: Grounding | None = None
    compress: bool | None = None
    repair: bool | None = None


def read_wishes(fields: Mapping[str, msgspec.Raw]) -> Wishes | None:
    """The wishes among a request's members; None where it has none. Raises RequestInvalid, and what `readable` turns into Problems."""
    if WISHED.isdisjoint(fields):
        return None
    asked = _body.decode(msgspec.json.encode({name: fields[name] for name in WISHED & fields.keys()}))
    knobs = (asked.knowledge_top_k, asked.knowledge_min_score, asked.knowledge_required)
    plugins = {each.id: each.enabled for each in asked.plugins or ()}
    squeezed = None if asked.transforms is None else bool(asked.transforms)
    grounding = None
    if asked.bot_id is not None or any(each is not None for each in knobs):
        top_k = asked.knowledge_top_k or USUAL_PASSAGES
        required = bool(asked.knowledge_required)
        grounding = Grounding(asked.bot_id, (), top_k, asked.knowledge_min_score or 0.0, required)
    return Wishes(grounding, plugins.get("context-compression", squeezed), plugins.get("response-healing"))


def settled(wishes: Wishes | None, options: Collection[str], bot_id: UUID | None) -> Wishes:
    """What is done: what was asked for, and what the key is switched to where nothing was said.

    Raises RequestInvalid for knobs of a grounding that has no bot.
    """
    wished = wishes or Wishes()
    grounding = wished.grounding
    if grounding is None:
        grounding = Grounding(bot_id) if bot_id else None
    elif grounding.bot_id is None and not grounding.sources:
        if bot_id is None:
            raise RequestInvalid("Name the bot whose knowledge is meant.", param="bot_id")
        grounding = replace(grounding, bot_id=bot_id)
    return Wishes(
        grounding,
        COMPRESSION in options if wished.compress is None else wished.compress,
        REPAIR in options if wished.repair is None else wished.repair,
    )
