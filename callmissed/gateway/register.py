"""The register of upstreams: which model goes where, who may receive content at all, and what is offered to whom."""

import logging
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from callmissed.foundation import clock
from callmissed.foundation.database import Database
from callmissed.foundation.problems import Problem
from callmissed.gateway.catalogue import Kind, Model, digest, read
from callmissed.gateway.problems import (
    ContractMissing,
    ModelNotFound,
    ModelRetired,
    ModelUnsuited,
    OutsideIndia,
)
from callmissed.gateway.routing import PREFERENCES, RetryBudget, distinct
from callmissed.gateway.trip import Route, RoutingRule, Trip
from callmissed.gateway.upstreams import (
    LOCAL,
    LocalUpstream,
    Terms,
    Upstream,
    UpstreamSettings,
    found_upstreams,
)

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 6
"""So that a usage record has room for everyone who was asked."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A model as it is offered to one caller: who may run it for them, first choice first, or why nobody may (`refusal`)."""

    model: Model
    upstreams: tuple[Terms, ...]
    refusal: Problem | None = None

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
        self, model_id: str, fallbacks: Sequence[str] = (), *, india_only: bool = True, kind: Kind = "chat"
    ) -> Route | Trip:
        """Where a model is served, and where the models that its caller would take instead are.

        `india_only` is what the caller's workspace decided; the installation's own setting is the outer limit. Raises ModelNotFound,
        ModelUnsuited, ModelRetired, ContractMissing, OutsideIndia: a model is never replaced unless the caller named the other.
        """
        routes = self._suited(model_id, "model", india_only, kind)
        if len(routes) == 1 and not fallbacks:
            return routes[0]
        others = [self._suited(each, "models", india_only, kind) for each in distinct(model_id, fallbacks)]
        if len(routes) == 1 and not others:
            return routes[0]
        return Trip([routes, *others], self._rule, self._retries, model_id)

    def _suited(self, model_id: str, param: str, india_only: bool, kind: Kind) -> list[Route]:
        """The routes of a model of this kind. Raises as `route` does."""
        routes = self._open(model_id, param, india_only)
        if routes[0].model.kind != kind:
            raise ModelUnsuited(param=param, kind=routes[0].model.kind)
        return routes

    def _open(self, model_id: str, param: str, india_only: bool) -> list[Route]:
        """The routes of a model that this caller's content may take. Raises as `route` does."""
        routes = self._routes.get(model_id)
        if routes is None:
            raise ModelNotFound(param=param)
        model = routes[0].model
        if model.ends_on is not None and model.ends_on <= clock.today():
            message = f"{model.id} ended on {model.ends_on}. Use {model.successor} instead."
            raise ModelRetired(message, param=param, successor=model.successor)
        bound = [route for route in routes if not route.upstream.terms.trains_on_content]
        if not bound:
            raise ContractMissing(param=param)
        if not (india_only or self._settings.india_only):
            return bound
        inside = [route for route in bound if route.upstream.terms.in_india]
        if not inside:
            raise OutsideIndia(param=param)
        return inside

    def listing(self, model_id: str, *, india_only: bool = True) -> Listing:
        """One model as it is offered to a caller. Raises ModelNotFound."""
        if model_id not in self._routes:
            raise ModelNotFound(param="model")
        routes = self._routes[model_id]
        try:
            routes = self._open(model_id, "model", india_only)
        except Problem as problem:
            return Listing(routes[0].model, tuple(route.upstream.terms for route in routes), problem)
        return Listing(routes[0].model, tuple(route.upstream.terms for route in routes))

    def listings(self, *, india_only: bool = True) -> list[Listing]:
        """Every model there is, in the order of the catalogue; those the caller cannot use say why."""
        return [self.listing(each, india_only=india_only) for each in self._routes]

    def usual(self, kind: Kind) -> str | None:
        """The first model of a kind that is offered here: what callers mean who name none."""
        return next((name for name, routes in self._routes.items() if routes[0].model.kind == kind), None)

    def models(self, *, india_only: bool = True) -> list[Listing]:
        """The models that a caller can use now."""
        return [each for each in self.listings(india_only=india_only) if each.refusal is None]

    @property
    def keeps_india(self) -> bool:
        """Whether this installation lets nobody's content leave India."""
        return self._settings.india_only

    def suppliers(self) -> list[Terms]:
        """Terms of everyone who may receive content here, by name."""
        usable = (each for each in self._upstreams.values() if self._usable(each))
        return sorted((each.terms for each in usable), key=lambda terms: terms.name)

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
        terms = upstream.terms
        return not terms.trains_on_content and (not self._settings.india_only or terms.in_india)


def _rule_in(file: Path | None) -> RoutingRule:
    """`[routing]` of the operator's file: prefer, attempts, patience. Raises ValueError and TypeError for what it cannot be."""
    written: dict[str, Any] = (
        tomllib.loads(file.read_text(encoding="utf-8")).get("routing", {}) if file else {}
    )
    rule = RoutingRule(**written)
    if rule.prefer not in PREFERENCES or not 1 <= rule.attempts <= MOST_ATTEMPTS:
        raise ValueError(
            f"[routing] prefers one of {', '.join(PREFERENCES)}, and makes 1 to {MOST_ATTEMPTS} attempts"
        )
    return rule
