"""The register of upstreams: which model goes where, who may receive content at all, and what is offered to whom."""

import logging
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from callmissed.foundation import clock
from callmissed.foundation.database import Database
from callmissed.foundation.problems import Problem
from callmissed.gateway.catalogue import Kind, Model, digest, read
from callmissed.gateway.own.opened import Own
from callmissed.gateway.own.routes import Taker, with_own
from callmissed.gateway.problems import (
    ContractMissing,
    ModelNotFound,
    ModelRetired,
    ModelUnsuited,
    OutsideIndia,
    OwnKeyMissing,
    OwnKeyNotTaken,
    UpstreamUnknown,
)
from callmissed.gateway.routing import PREFERENCES, RetryBudget, distinct
from callmissed.gateway.trip import Route, RoutingRule, Trip
from callmissed.gateway.upstreams import (
    LOCAL,
    LocalUpstream,
    Terms,
    Upstream,
    UpstreamSettings,
    declare,
    found_upstreams,
)

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 6
"""So that a usage record has room for everyone who was asked."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A model as it is offered to one caller: who may run it for them, first choice first, or why nobody may (`refusal`).

    `own`: it runs on the caller's own account there, and costs the wallet nothing.
    """

    model: Model
    upstreams: tuple[Terms, ...]
    refusal: Problem | None = None
    own: bool = False

    @property
    def regions(self) -> tuple[str, ...]:
        """Where it may be processed."""
        return tuple(dict.fromkeys(terms.region for terms in self.upstreams))

    @property
    def is_deprecated(self) -> bool:
        """Whether callers are told to move on."""
        return self.model.deprecated_on is not None and self.model.deprecated_on <= clock.today()


class Upstreams:
    """Every upstream of this installation. One per process, started and stopped with it."""

    def __init__(self, db: Database, settings: UpstreamSettings) -> None:
        self._db = db
        self._settings = settings
        self._upstreams: dict[str, Upstream] = {}
        self._routes: dict[str, list[Route]] = {}
        self._rule = RoutingRule()
        self._retries = RetryBudget()
        self.version = ""
        """Names what is offered: the catalogue's version, and a digest of all terms of sale."""

    async def start(self) -> None:
        """Offer the local model and whatever the settings let us find. Raises ValueError or KeyError for a wrong file."""
        catalogue = read()
        self._rule = _rule_in(self._settings.file)
        local = LocalUpstream(self._db, self._settings.region)
        declare(local.terms)
        ours = (model for model in catalogue.models if model.upstream == local.terms.name)
        self._offer(local, [model for model in ours if local.has(model)])
        for upstream, models in await found_upstreams(self._settings, catalogue):
            self._offer(upstream, models)
        self.version = f"{catalogue.version}+{digest(routes[0].model for routes in self._routes.values())}"

    @property
    def home(self) -> Terms:
        """The terms of this installation itself."""
        return self._upstreams[LOCAL].terms

    def _offer(self, upstream: Upstream, models: Sequence[Model]) -> None:
        """Whoever names a model first sets its terms of sale; who runs it as well sells it as that."""
        terms = upstream.terms
        self._upstreams[terms.name] = upstream
        for model in models:
            routes = self._routes.setdefault(model.id, [])
            sold = replace(model, **routes[0].model.sale) if routes else model
            routes.append(Route(sold, upstream))
            routes.sort(key=lambda route: route.order)
        use = "in use" if self._usable(upstream) else "found, not in use"
        log.info("upstream %s in %s: %s, %d models", terms.name, terms.region, use, len(models))

    def route(
        self,
        model_id: str,
        fallbacks: Sequence[str] = (),
        *,
        india_only: bool = True,
        kind: Kind = "chat",
        own: Own | None = None,
    ) -> Route | Trip:
        """Where a model is served, and where the models that its caller would take instead are.

        `india_only` is what the caller's workspace decided; the installation's own setting is the outer limit. `own` are its own keys.
        Raises ModelNotFound, ModelUnsuited, ModelRetired, ContractMissing, OutsideIndia, OwnKeyMissing, OwnKeyNotTaken: a model is
        never replaced unless the caller named the other.
        """
        routes = self._suited(model_id, "model", india_only, kind, own)
        if len(routes) == 1 and not fallbacks:
            return routes[0]
        others = [
            self._suited(each, "models", india_only, kind, own) for each in distinct(model_id, fallbacks)
        ]
        if len(routes) == 1 and not others:
            return routes[0]
        return Trip([routes, *others], self._rule, self._retries, model_id)

    def _suited(
        self, model_id: str, param: str, india_only: bool, kind: Kind, own: Own | None
    ) -> list[Route]:
        """The routes of a model of this kind. Raises as `route` does."""
        routes = self._open(model_id, param, india_only, own)
        if routes[0].model.kind != kind:
            raise ModelUnsuited(param=param, kind=routes[0].model.kind)
        return routes

    def _open(self, model_id: str, param: str, india_only: bool, own: Own | None) -> list[Route]:
        """The routes of a model that this caller's content may take. Raises as `route` does."""
        routes = self._routes.get(model_id)
        if routes is None:
            raise ModelNotFound(param=param)
        model = routes[0].model
        if model.ends_on is not None and model.ends_on <= clock.today():
            message = f"{model.id} ended on {model.ends_on}. Use {model.successor} instead."
            raise ModelRetired(message, param=param, successor=model.successor)
        if own:
            routes = with_own(routes, own)
        bound = [route for route in routes if not route.closed]
        if not bound:
            raise _closed(routes)(param=param)
        if not (india_only or self._settings.india_only):
            return bound
        inside = [route for route in bound if route.upstream.terms.in_india]
        if not inside:
            raise OutsideIndia(param=param)
        return inside

    def listing(self, model_id: str, *, india_only: bool = True, own: Own | None = None) -> Listing:
        """One model as it is offered to a caller. Raises ModelNotFound."""
        if model_id not in self._routes:
            raise ModelNotFound(param="model")
        routes = self._routes[model_id]
        try:
            routes = self._open(model_id, "model", india_only, own)
        except Problem as problem:
            return Listing(routes[0].model, tuple(route.upstream.terms for route in routes), problem)
        return Listing(routes[0].model, tuple(route.upstream.terms for route in routes), own=routes[0].own)

    def listings(self, *, india_only: bool = True, own: Own | None = None) -> list[Listing]:
        """Every model there is, in the order of the catalogue; those the caller cannot use say why.

        What asks for a key that the caller's workspace has not brought is no model of theirs.
        """
        found = [self.listing(each, india_only=india_only, own=own) for each in self._routes]
        return [each for each in found if not isinstance(each.refusal, OwnKeyMissing)]

    def usual(self, kind: Kind) -> str | None:
        """The first model of a kind that is offered here: what callers mean who name none."""
        return next((name for name, routes in self._routes.items() if routes[0].model.kind == kind), None)

    def makes(self, model_id: str, kind: Kind) -> bool:
        """Whether there is a model of that name and kind."""
        routes = self._routes.get(model_id)
        return routes is not None and routes[0].model.kind == kind

    def models(self, *, india_only: bool = True, own: Own | None = None) -> list[Listing]:
        """The models that a caller can use now."""
        return [each for each in self.listings(india_only=india_only, own=own) if each.refusal is None]

    @property
    def keeps_india(self) -> bool:
        """Whether this installation lets nobody's content leave India."""
        return self._settings.india_only

    def suppliers(self, own: Own | None = None) -> list[Terms]:
        """Terms of everyone who may receive content here, by name; also of those where a workspace has its own key."""
        found: list[Terms] = []
        for name, each in sorted(self._upstreams.items()):
            key = own.get(name) if own else None
            if key is not None and self._near(each):
                found.append(replace(each.terms, contract=key.contract))
            elif self._usable(each):
                found.append(each.terms)
        return found

    def served(self, name: str) -> dict[str, str]:
        """What an upstream calls its models, by their ids here. Raises UpstreamUnknown."""
        if name not in self._upstreams:
            raise UpstreamUnknown
        routes = (route for each in self._routes.values() for route in each)
        return {route.model.id: route.model.served_as for route in routes if route.model.upstream == name}

    def takers(self) -> list[Taker]:
        """Those to whom workspaces can bring keys of their own, by name."""
        found: list[Taker] = []
        for name, upstream in sorted(self._upstreams.items()):
            taking = upstream.taking
            if taking is not None and self._near(upstream):
                models = [
                    route.model
                    for routes in self._routes.values()
                    for route in routes
                    if route.upstream is upstream
                ]
                found.append(Taker(name, upstream, taking, tuple(models)))
        return found

    def taker(self, name: str) -> Taker:
        """One of them. Raises OwnKeyNotTaken."""
        found = next((each for each in self.takers() if each.name == name), None)
        if found is None:
            raise OwnKeyNotTaken
        return found

    def terms(self) -> dict[str, dict[str, Any]]:
        """Region, contract and use of every upstream, for the promises (Policy §1 and §3)."""
        return {
            name: {
                "region": upstream.terms.region,
                "contract": upstream.terms.contract,
                "trains_on_content": upstream.terms.trains_on_content,
                "enabled": self._usable(upstream),
            }
            for name, upstream in self._upstreams.items()
        }

    async def stop(self) -> None:
        """Close all connections."""
        for upstream in self._upstreams.values():
            await upstream.close()

    def _usable(self, upstream: Upstream) -> bool:
        """Whether content goes there on the operator's account."""
        terms, taking = upstream.terms, upstream.taking
        asks_own = taking is not None and taking.required
        return not terms.trains_on_content and not asks_own and self._near(upstream)

    def _near(self, upstream: Upstream) -> bool:
        """Whether this installation lets content go where the upstream is."""
        return upstream.terms.in_india or not self._settings.india_only


def _closed(routes: Sequence[Route]) -> type[Problem]:
    """Why nobody may be asked."""
    if not routes:
        return OwnKeyNotTaken
    return OwnKeyMissing if any(route.asks_own for route in routes) else ContractMissing


def _rule_in(file: Path | None) -> RoutingRule:
    """`[routing]` of the operator's file: prefer, attempts, patience, hedge_after. Raises ValueError and TypeError for what it cannot be."""
    written: dict[str, Any] = (
        tomllib.loads(file.read_text(encoding="utf-8")).get("routing", {}) if file else {}
    )
    rule = RoutingRule(**written)
    if rule.prefer not in PREFERENCES or not 1 <= rule.attempts <= MOST_ATTEMPTS:
        raise ValueError(
            f"[routing] prefers one of {', '.join(PREFERENCES)}, and makes 1 to {MOST_ATTEMPTS} attempts"
        )
    if rule.hedge_after is not None and not 0 < rule.hedge_after < inf:
        raise ValueError("[routing] hedge_after is more than 0 seconds")
    return rule
