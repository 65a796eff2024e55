"""What /v1 tells without asking any upstream: the models and their prices, what a call would cost, what one has cost. All free."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
from starlette.types import Scope

from callmissed.billing import used
from callmissed.foundation.services import Services
from callmissed.gateway import wire
from callmissed.gateway.catalogue import Model
from callmissed.gateway.completions import asked_of
from callmissed.gateway.images import ImageRequest, fitting, read_image_request
from callmissed.gateway.own.opened import Own
from callmissed.gateway.preparing import prepared
from callmissed.gateway.problems import GenerationUnnamed, ModelNotFound
from callmissed.gateway.providers import MODELS, OWN_KNOWLEDGE
from callmissed.gateway.register import Listing, Upstreams
from callmissed.gateway.requests import CompletionRequest, ModelId, read_request, readable
from callmissed.gateway.searching import SearchRequest
from callmissed.gateway.tokens import count_messages
from callmissed.gateway.upstreams import LOCAL
from callmissed.gateway.wishes import settled
from callmissed.identity import KeyAccess

ANSWER_ID = "chatcmpl-"


class _Named(msgspec.Struct):
    model: ModelId


_named = msgspec.json.Decoder(_Named)


class Shelf:
    """Answers for one key: only what it may ask, and where its workspace lets content go."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def _upstreams(self) -> Upstreams:
        return self._services.get(Upstreams)

    @property
    def version(self) -> str:
        """Names what is offered."""
        return self._upstreams.version

    def models(self, key: KeyAccess, own: Own | None) -> list[Listing]:
        """The models that this key can use now."""
        return [
            each for each in self._upstreams.models(india_only=key.india_only, own=own) if _may(key, each)
        ]

    def model(self, key: KeyAccess, model_id: str, own: Own | None) -> Listing:
        """One of them. Raises ModelNotFound; ModelRetired, with its successor, for one that has ended."""
        listing = self._upstreams.listing(model_id, india_only=key.india_only, own=own)
        if not _may(key, listing):
            raise ModelNotFound(param="model")
        if listing.refusal is not None:
            raise listing.refusal
        return listing

    def read_quoted(self, body: bytes) -> CompletionRequest | ImageRequest:
        """The request whose price is asked: for pictures where its model makes them. Raises Malformed and RequestInvalid."""
        with readable():
            named = _named.decode(body).model
        return read_image_request(body) if self._upstreams.makes(named, "image") else read_request(body)

    def searcher(self, key: KeyAccess, own: Own | None) -> str:
        """The search of whoever names no provider: the first of the web that this key may use, else that of its own knowledge."""
        found = (each.model for each in self.models(key, own) if each.model.kind == "search")
        return next((each.id for each in found if each.upstream != LOCAL), OWN_KNOWLEDGE)

    def searching(self, key: KeyAccess, request: CompletionRequest, own: Own | None) -> CompletionRequest:
        """The request, with the search that it asks for settled. Raises ServiceNotAllowed and ModelNotAllowed."""
        wishes = request.wishes
        if wishes is None or wishes.web is None:
            return request
        key.use("search")
        engine = wishes.web.engine
        model = MODELS[engine] if engine else self.searcher(key, own)
        key.ask(model)
        return replace(request, wishes=replace(wishes, web=replace(wishes.web, model=model)))

    def quote_search(self, key: KeyAccess, request: SearchRequest, own: Own | None) -> dict[str, Any]:
        """What a search would cost: what is held for it is what it costs. Raises what the search would raise of its route."""
        return {
            "object": "quote",
            "catalogue_version": self._upstreams.version,
            "currency": "INR",
            **self._search(key, request.model, own),
        }

    def _search(self, key: KeyAccess, model_id: str, own: Own | None) -> dict[str, Any]:
        """What one search by this model costs."""
        route = self._upstreams.route(model_id, india_only=key.india_only, kind="search", own=own)
        price = wire.rupees_of(max(each.price(1) for each in route.models) if route.costs else 0)
        told = [{"id": each.id, "pricing": wire.pricing(each), "at_most": price} for each in route.models]
        return {"held": price, "models": told}

    def quote_images(self, key: KeyAccess, request: ImageRequest, own: Own | None) -> dict[str, Any]:
        """What pictures would cost, if all of them are delivered. Raises what the request would raise before it is sent."""
        route = self._upstreams.route(
            request.model, request.fallbacks, india_only=key.india_only, kind=request.kind, own=own
        )
        fitting(request, route.models)
        most = request.at_most(route.models)
        return {
            "object": "quote",
            "catalogue_version": self._upstreams.version,
            "currency": "INR",
            "held": wire.rupees_of(most.price_micro if route.costs else 0),
            "units": request.n,
            "unit": "image",
            "models": [
                {**_price(model), "at_most": wire.rupees_of(model.price(request.n))} for model in route.models
            ],
        }

    async def quote(self, key: KeyAccess, request: CompletionRequest, own: Own | None) -> dict[str, Any]:
        """What a request would cost, with what its grounding and its files add and its compression takes away: what is held for it,
        and the parts of the charge. What a search of the web adds is not known before: `search` says what that costs. Raises
        what the request would raise.
        """
        route = self._upstreams.route(request.model, request.fallbacks, india_only=key.india_only, own=own)
        if key.options or request.wishes is not None:
            wishes = settled(request.wishes, key.options, key.grounds)
            request = (await prepared(self._services, key.access, request, wishes, route)).request
        asked_of(route, request, key.access)
        reading = count_messages(request.messages)
        most = request.at_most(route.models)
        web = request.wishes.web if request.wishes is not None else None
        return {
            "object": "quote",
            "catalogue_version": self._upstreams.version,
            "currency": "INR",
            "held": wire.rupees_of(most.price_micro if route.costs else 0),
            "tokens_in": reading,
            "tokens_in_at_most": most.reading,
            "tokens_out_at_most": most.writing,
            "counted_by": "callmissed",
            "models": [
                {
                    **_price(model),
                    "input": wire.rupees_of(model.price(reading, 0)),
                    "at_most": wire.rupees_of(_most(request, model)),
                }
                for model in route.models
            ],
            **({"search": self._search(key, web.model, own)} if web is not None else {}),
        }

    async def generation(self, key: KeyAccess, scope: Scope) -> dict[str, Any]:
        """One request of the key's workspace, by its usage id or the id of its answer. Raises GenerationUnnamed, UsageNotFound."""
        [named] = parse_qs(scope["query_string"].decode("latin-1")).get("id", [""])[:1]
        try:
            usage_id = UUID(named.removeprefix(ANSWER_ID))
        except ValueError:
            raise GenerationUnnamed(param="id") from None
        async with self._services.db.tenant(key.access) as tx:
            return {"data": wire.generation(await used(tx, usage_id))}


def _price(model: Model) -> dict[str, Any]:
    return {"id": model.id, "pricing": wire.pricing(model)}


def _most(request: CompletionRequest, model: Model) -> int:
    """What it can cost with this model; nothing on the caller's own account."""
    return request.at_most([model]).price_micro if model.price_in or model.price_out else 0


def _may(key: KeyAccess, listing: Listing) -> bool:
    return key.models is None or key.models.allows(listing.model.id)
