"""The register of upstreams: which model goes where, and who may receive content at all."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from callmissed.foundation.database import Database
from callmissed.gateway.catalogue import Model, read
from callmissed.gateway.problems import ContractMissing, ModelNotFound, OutsideIndia
from callmissed.gateway.upstreams import LocalUpstream, Upstream, UpstreamSettings, found_upstreams

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """A model and who runs it."""

    model: Model
    upstream: Upstream


class Upstreams:
    """Every upstream of this installation. One per process, started and stopped with it."""

    def __init__(self, db: Database, settings: UpstreamSettings) -> None:
        self._db = db
        self._settings = settings
        self._upstreams: dict[str, Upstream] = {}
        self._routes: dict[str, Route] = {}

    async def start(self) -> None:
        """Offer the local model and whatever the settings let us find. Raises ValueError or KeyError for a wrong file."""
        catalogue = read()
        local = LocalUpstream(self._db, self._settings.region)
        self._offer(
            local, [model for model in catalogue.models.values() if model.upstream == local.terms.name]
        )
        for upstream, models in await found_upstreams(self._settings, catalogue):
            self._offer(upstream, models)

    def _offer(self, upstream: Upstream, models: Sequence[Model]) -> None:
        terms = upstream.terms
        self._upstreams[terms.name] = upstream
        self._routes |= {model.id: Route(model, upstream) for model in models}
        use = "in use" if self._usable(upstream) else "found, not in use"
        log.info("upstream %s in %s: %s, %d models", terms.name, terms.region, use, len(models))

    def route(self, model_id: str) -> Route:
        """Where a model is served. Raises ModelNotFound, ContractMissing, OutsideIndia: a model is never replaced."""
        route = self._routes.get(model_id)
        if route is None:
            raise ModelNotFound(param="model")
        terms = route.upstream.terms
        if terms.trains_on_content:
            raise ContractMissing(param="model")
        if self._settings.india_only and terms.region != "IN":
            raise OutsideIndia(param="model")
        return route

    def models(self) -> list[Route]:
        """The models that can be used now, in the order of the catalogue."""
        return [route for route in self._routes.values() if self._usable(route.upstream)]

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
        return not terms.trains_on_content and (not self._settings.india_only or terms.region == "IN")
