"""What a request asks of the gateway itself, besides its model: to ground it on a bot's knowledge, to search the web first, to read its
files, to compress what is too long, to repair broken JSON. All of it is off unless a request asks for it, or its key is switched to it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from callmissed.gateway.problems import RequestInvalid
from callmissed.gateway.providers import Country, Domains, Provider
from callmissed.identity import COMPRESSION, REPAIR

USUAL_PASSAGES, MOST_PASSAGES = 5, 20
USUAL_RESULTS, MOST_RESULTS = 5, 10
WEB_OPTIONS: Final = "web_search_options"
PART = b'"type"'
FILES = (b'"file"', b'"document"', b'"input_file"')
"""Of messages that enclose files, in each language, one of these is a part."""
WISHED = frozenset(
    {
        "bot_id",
        "knowledge_top_k",
        "knowledge_min_score",
        "knowledge_required",
        "plugins",
        "transforms",
        WEB_OPTIONS,
    }
)
"""Members of a request that are meant for the gateway: no upstream sees them."""


class Plugin(msgspec.Struct):
    """One thing to be done. `enabled` false switches off what the key is switched to."""

    id: Literal["context-compression", "response-healing", "web", "file-parser"]
    enabled: bool = True
    engine: Provider | None = None
    max_results: Annotated[int, msgspec.Meta(ge=1, le=MOST_RESULTS)] = USUAL_RESULTS
    include_domains: Domains = ()
    exclude_domains: Domains = ()


class Place(msgspec.Struct):
    """Where the user roughly is."""

    country: Country = ""


class Location(msgspec.Struct):
    """OpenAI's shape around it."""

    approximate: Place = msgspec.field(default_factory=Place)


class WebSearchOptions(msgspec.Struct):
    """OpenAI's wish for a search of the web."""

    search_context_size: Literal["low", "medium", "high"] = "medium"
    user_location: Location | None = None


class WishesBody(msgspec.Struct):
    """The members that are meant for the gateway: knowledge of a bot, plugins, transforms, a search of the web."""

    bot_id: UUID | None = None
    knowledge_top_k: Annotated[int, msgspec.Meta(ge=1, le=MOST_PASSAGES)] | None = None
    knowledge_min_score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    knowledge_required: bool | None = None
    plugins: Annotated[list[Plugin], msgspec.Meta(max_length=10)] | None = None
    transforms: Annotated[list[Literal["middle-out"]], msgspec.Meta(max_length=10)] | None = None
    web_search_options: WebSearchOptions | None = None


_body = msgspec.json.Decoder(WishesBody)


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
class Web:
    """That the web is to be searched before the model is asked. `model` is the search that is asked, empty until it is settled who asks.

    `size` is OpenAI's: how much of each result is told. `raw` is how it was asked in OpenAI's words, for models that search themselves.
    """

    engine: Provider | None = None
    results: int = USUAL_RESULTS
    size: Literal["low", "medium", "high"] = "medium"
    country: str = ""
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    raw: msgspec.Raw | None = None
    model: str = ""


Reads = Literal["none", "unread", "every"]
"""Which files are read here: none, those of models that read none themselves, every one."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for. None: as the key says."""

    grounding: Grounding | None = None
    compress: bool | None = None
    repair: bool | None = None
    web: Web | None = None
    files: Reads = "none"


def read_wishes(fields: Mapping[str, msgspec.Raw]) -> Wishes | None:
    """The wishes among a request's members; None where it has none. Raises RequestInvalid, and what `readable` turns into Problems."""
    enclosing = _encloses(fields)
    if WISHED.isdisjoint(fields):
        return Wishes(files="unread") if enclosing else None
    asked = _body.decode(msgspec.json.encode({name: fields[name] for name in WISHED & fields.keys()}))
    knobs = (asked.knowledge_top_k, asked.knowledge_min_score, asked.knowledge_required)
    plugins = {each.id: each.enabled for each in asked.plugins or ()}
    reads: Reads = "unread"
    if (parses := plugins.get("file-parser")) is not None:
        reads = "every" if parses else "none"
    squeezed = None if asked.transforms is None else bool(asked.transforms)
    grounding = None
    if asked.bot_id is not None or any(each is not None for each in knobs):
        top_k = asked.knowledge_top_k or USUAL_PASSAGES
        required = bool(asked.knowledge_required)
        grounding = Grounding(asked.bot_id, (), top_k, asked.knowledge_min_score or 0.0, required)
    return Wishes(
        grounding, plugins.get("context-compression", squeezed), plugins.get("response-healing"), _web(asked, fields),
        reads if enclosing else "none",
    )  # fmt: skip


def _encloses(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether files may be among what is said; whoever looks for them finds out."""
    said = fields.get("messages") or fields.get("input")
    if said is None or PART not in (text := bytes(said)):  # words alone: the usual case
        return False
    return any(each in text for each in FILES)


def _web(asked: WishesBody, fields: Mapping[str, msgspec.Raw]) -> Web | None:
    """The search that is asked for: by OpenAI's member, by the plugin, or by both."""
    plugin = next((each for each in asked.plugins or () if each.id == "web"), None)
    options = asked.web_search_options
    if (options is None and plugin is None) or (plugin is not None and not plugin.enabled):
        return None
    plugin, told = plugin or Plugin("web"), options or WebSearchOptions()
    country = told.user_location.approximate.country if told.user_location else ""
    return Web(
        plugin.engine, plugin.max_results, told.search_context_size, country, plugin.include_domains, plugin.exclude_domains,
        fields[WEB_OPTIONS] if options else None,
    )  # fmt: skip


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
    return replace(
        wished,
        grounding=grounding,
        compress=COMPRESSION in options if wished.compress is None else wished.compress,
        repair=REPAIR in options if wished.repair is None else wished.repair,
    )
