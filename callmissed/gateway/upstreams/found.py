"""Which upstreams an installation has: its own local model, those in a TOML file, those found in the usual places.

What is found is offered, not trusted: it receives content only when a contract against training is on record, and stands in
India unless the operator allows more.
"""

import contextlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from callmissed.foundation.money import RUPEE
from callmissed.foundation.problems import Problem
from callmissed.gateway.catalogue import Catalogue, Model, model_of
from callmissed.gateway.routing import BreakerRule
from callmissed.gateway.upstreams.anthropic import Anthropic
from callmissed.gateway.upstreams.anthropic_request import Manner
from callmissed.gateway.upstreams.deepgram import Deepgram
from callmissed.gateway.upstreams.destinations import declare
from callmissed.gateway.upstreams.gate import Gate, Limits
from callmissed.gateway.upstreams.http_client import BEARER, Client, KeyHeader
from callmissed.gateway.upstreams.http_connection import Timeouts
from callmissed.gateway.upstreams.openai_compatible import OpenAICompatible, Server
from callmissed.gateway.upstreams.protocol import Terms, Upstream
from callmissed.gateway.upstreams.sarvam import Sarvam
from callmissed.gateway.upstreams.search_vendors import VENDORS
from callmissed.gateway.upstreams.searcher import Searcher
from callmissed.gateway.upstreams.taking import OwnKeys

USUAL_VARIABLES: Final = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_DEPLOYMENT",
    "AZURE_OPENAI_REGION", "SARVAM_API_KEY", "DEEPGRAM_API_KEY", "OLLAMA_HOST",
)  # fmt: skip
"""Environment variables that are looked at when looking is allowed."""

OPENAI_CONTRACT: Final = "OpenAI Services Agreement: business content is not used for training"
DEEPGRAM_CONTRACT: Final = "opted out of Deepgram's Model Improvement Program, request by request"
AZURE_CONTRACT: Final = "Microsoft Product Terms: prompts and completions are not used for training"
INDIAN_REGIONS: Final = {
    "centralindia": "Pune",
    "southindia": "Chennai",
    "westindia": "Mumbai",
    "jioindiawest": "Jamnagar",
}
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,59}")
"""What stands in headers and in one word of a usage record."""

LONGEST_LIST: Final = 1_000_000
KEY_HEADERS: Final = {
    "openai": BEARER,
    "anthropic": KeyHeader("x-api-key"),
    "sarvam": KeyHeader("api-subscription-key"),
    "deepgram": KeyHeader(word="Token"),
    **{name: vendor.key for name, vendor in VENDORS.items()},
}
"""Where each kind of server expects a key, unless its entry says otherwise."""
LOCAL_OLLAMA: Final = "http://127.0.0.1:11434"


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """What the wiring knows: where this installation is, whether content stays in India, a file, and what to look at.

    `environment` holds the variables of USUAL_VARIABLES, or nothing when looking is switched off.
    """

    region: str = "IN"
    india_only: bool = True
    file: Path | None = None
    look: bool = True
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


Offered = tuple[Upstream, list[Model]]


async def found_upstreams(settings: UpstreamSettings, catalogue: Catalogue) -> list[Offered]:
    """Every upstream but the local one, with the models it serves. Raises ValueError or KeyError for a wrong file."""
    offered = _in_file(settings.file, catalogue) if settings.file else []
    if settings.look:
        for one in (_openai, _azure, _sarvam, _deepgram):
            if (found := one(settings.environment, catalogue)) is not None:
                offered.append(found)
        if (ollama := await _ollama(settings, catalogue)) is not None:
            offered.append(ollama)
    names = [upstream.terms.name for upstream, _ in offered]
    return [each for n, each in enumerate(offered) if each[0].terms.name not in names[:n]]


def _in_file(path: Path, catalogue: Catalogue) -> list[Offered]:
    """`[[upstream]]` with name, base_url, region, contract, api_key, own_keys, …, and its `[[upstream.model]]`s.

    An entry for a model that stands above it or in the catalogue need not repeat its terms of sale. Raises ValueError when
    one model has two.
    """
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    sold = {model.id: model.sale for model in reversed(catalogue.models)}
    offered: list[Offered] = []
    listed: dict[str, Model] = {}
    for entry in document.get("upstream", []):
        upstream, models = _from_entry(entry, sold)
        for model in models:
            if model.sale != listed.setdefault(model.id, model).sale:
                raise ValueError(f"{model.id} has two prices or terms; a model has the same everywhere")
            sold[model.id] = model.sale
        offered.append((upstream, models))
    return offered


def _from_entry(entry: Mapping[str, Any], sold: Mapping[str, Mapping[str, Any]]) -> Offered:
    name = str(entry["name"])
    if not NAME.fullmatch(name):
        raise ValueError("an upstream's name is up to 60 letters, digits, and . _ - /")
    terms = Terms(
        name, str(entry["region"]).upper(), str(entry.get("contract", "")), str(entry.get("place", ""))
    )
    timeouts = Timeouts(**{key: float(seconds) for key, seconds in entry.get("timeouts", {}).items()})
    gate, models = (
        Gate(_limits(entry.get("limits", {}))),
        [_model(each, name, sold) for each in entry.get("model", [])],
    )
    kind = str(entry.get("kind", "openai"))
    if kind not in KEY_HEADERS:
        raise ValueError(f"the kind of an upstream is {', '.join(KEY_HEADERS)}, not {kind}")
    searches = VENDORS.get(kind)
    address = str(entry.get("base_url") or (searches and searches.address) or entry["base_url"])
    own_keys = msgspec.convert(entry.get("own_keys", "no"), OwnKeys)
    header, key = _key(entry, KEY_HEADERS[kind])
    if own_keys == "must" and key:
        raise ValueError(f"whoever asks {name} must bring a key: its api_key would never be used")
    declare(terms, address)
    server = Server(address, key, bool(entry.get("asks_usage", True)), own_keys, header)
    if kind == "openai":
        return OpenAICompatible(terms, server, timeouts, gate), models
    if kind == "sarvam":
        return Sarvam(terms, server, timeouts, gate), models
    if kind == "deepgram":
        client = Client(address, key, timeouts, key_header=header)
        return Deepgram(terms, client, gate, own_keys), models
    if searches is not None:
        client = Client(address, key, timeouts, key_header=header)
        return Searcher(terms, searches, client, gate, own_keys), models
    longest = {each.served_as: each.longest_answer for each in models}
    told = {"version": entry.get("version", "2026-10-21"), "thinking": entry.get("thinking", "adaptive")}
    manner = msgspec.convert({**told, "longest": longest}, Manner)
    client = Client(address, {"anthropic-version": manner.version, **key}, timeouts, key_header=header)
    return Anthropic(terms, client, manner, gate, own_keys), models


def _key(entry: Mapping[str, Any], usual: KeyHeader) -> tuple[KeyHeader, dict[str, str]]:
    """The header that carries an upstream's key, and the key in it where there is one."""
    header = KeyHeader(str(entry.get("api_key_header", usual.name)), usual.word)
    return header, header.of(str(entry.get("api_key", "")))


def _model(entry: Mapping[str, Any], upstream: str, sold: Mapping[str, Mapping[str, Any]]) -> Model:
    known = {
        name: str(Decimal(value) / RUPEE) if name.startswith("price") else value
        for name, value in sold.get(str(entry["id"]), {}).items()
    }
    return model_of({**known, **entry, "upstream": upstream})


def _limits(entry: Mapping[str, Any]) -> Limits:
    """`[upstream.limits]`: concurrency, queue, patience, and `breaker`, which is false or a table of BreakerRule's members."""
    wanted, usual = entry.get("breaker", {}), Limits()
    return Limits(
        int(entry.get("concurrency", usual.concurrency)),
        int(entry.get("queue", usual.queue)),
        float(entry.get("patience", usual.patience)),
        BreakerRule(**wanted) if wanted is not False else None,
    )


def _openai(environment: Mapping[str, str], catalogue: Catalogue) -> Offered | None:
    secret = environment.get("OPENAI_API_KEY")
    if not secret:
        return None
    elsewhere = environment.get("OPENAI_BASE_URL", "")
    terms = Terms("openai", "??", "") if elsewhere else Terms("openai", "US", OPENAI_CONTRACT)
    key = {"authorization": f"Bearer {secret}"}
    address = elsewhere or "https://api.openai.com/v1"
    declare(terms, address)
    server = Server(address, key, own_keys="no" if elsewhere else "may")
    return OpenAICompatible(terms, server), _listed(catalogue, "openai")


def _azure(environment: Mapping[str, str], catalogue: Catalogue) -> Offered | None:
    endpoint, secret = environment.get("AZURE_OPENAI_ENDPOINT"), environment.get("AZURE_OPENAI_API_KEY")
    deployment = environment.get("AZURE_OPENAI_DEPLOYMENT")
    if not (endpoint and secret and deployment):
        return None
    region = environment.get("AZURE_OPENAI_REGION", "").lower().replace(" ", "")
    terms = Terms(
        "azure",
        "IN" if region in INDIAN_REGIONS else "??",
        AZURE_CONTRACT,
        INDIAN_REGIONS.get(region, region),
    )
    declare(terms, endpoint)
    server = Server(f"{endpoint.rstrip('/')}/openai/v1", {"api-key": secret})
    return OpenAICompatible(terms, server), [_unlisted(catalogue, "azure", deployment)]


def _sarvam(environment: Mapping[str, str], catalogue: Catalogue) -> Offered | None:
    secret = environment.get("SARVAM_API_KEY")
    if not secret:
        return None
    header = KEY_HEADERS["sarvam"]
    terms, address = Terms("sarvam", "IN", ""), "https://api.sarvam.ai"
    declare(terms, address)
    server = Server(address, header.of(secret), own_keys="may", key_header=header)
    return Sarvam(terms, server), _listed(catalogue, "sarvam")


def _deepgram(environment: Mapping[str, str], catalogue: Catalogue) -> Offered | None:
    secret = environment.get("DEEPGRAM_API_KEY")
    if not secret:
        return None
    header = KEY_HEADERS["deepgram"]
    terms, address = Terms("deepgram", "US", DEEPGRAM_CONTRACT), "https://api.deepgram.com/v1"
    declare(terms, address)
    client = Client(address, header.of(secret), key_header=header)
    return Deepgram(terms, client, own_keys="may"), _listed(catalogue, "deepgram")


class _Tag(msgspec.Struct):
    name: str
    remote_host: str = ""
    """Where a model runs that only seems to be here: Ollama offers those of its cloud as well."""


class _Tags(msgspec.Struct):
    models: list[_Tag] = []


async def _ollama(settings: UpstreamSettings, catalogue: Catalogue) -> Offered | None:
    """An Ollama on this machine, or where OLLAMA_HOST says. One elsewhere is not known to be in India."""
    base = settings.environment.get("OLLAMA_HOST", "") or LOCAL_OLLAMA
    base = (base if "://" in base else f"http://{base}").replace("//0.0.0.0", "//127.0.0.1").rstrip("/")
    here = is_here(base)
    region, contract = (settings.region, "runs on this machine") if here else ("??", "")
    terms = Terms("ollama", region, contract, "this machine" if here else "")
    with contextlib.suppress(ValueError):  # no address: then nobody answers there either
        declare(terms, base)
    names = await _ollama_models(base)
    if not names:
        return None
    return OpenAICompatible(terms, Server(f"{base}/v1")), [
        _unlisted(catalogue, "ollama", name) for name in names
    ]


def is_here(address: str) -> bool:
    """Whether an address is this machine's own."""
    return urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}


async def _ollama_models(base: str) -> list[str]:
    try:
        client = Client(base, timeouts=Timeouts(connect=0.5, total=0.5))
        with await client.get("/api/tags") as answer:
            if answer.status != 200:
                return []
            tags = msgspec.json.decode(await answer.whole(LONGEST_LIST), type=_Tags)
        await client.close()
    except (Problem, ValueError):  # nobody there, no address, or no Ollama
        return []
    return [tag.name for tag in tags.models if not tag.remote_host]


def _listed(catalogue: Catalogue, upstream: str) -> list[Model]:
    return [model for model in catalogue.models if model.upstream == upstream]


def _unlisted(catalogue: Catalogue, upstream: str, served_as: str) -> Model:
    terms = catalogue.unlisted[upstream]
    return model_of({**terms, "id": f"{upstream}/{served_as}", "served_as": served_as, "upstream": upstream})
