"""Where a model is asked for a workspace that has keys of its own at suppliers: there first, and nowhere else unless it agreed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from callmissed.foundation.tenancy import Access
from callmissed.gateway.catalogue import Model
from callmissed.gateway.own.opened import Own, OwnKey
from callmissed.gateway.trip import Route
from callmissed.gateway.upstreams import Asked, Owned, Taking, Terms, Upstream, prove

OWN_FIRST = 1_000_000
"""By how much the rank of an own account goes before all others."""
ONE_TOKEN = {"max_tokens": msgspec.Raw(b"1")}
HELLO = [{"role": "user", "content": "Hi"}]


@dataclass(frozen=True, slots=True)
class Taker:
    """An upstream to which workspaces can bring keys of their own, with the models it runs."""

    name: str
    upstream: Upstream
    taking: Taking
    models: tuple[Model, ...]

    @property
    def terms(self) -> Terms:
        """Where it is; the contract is the operator's."""
        return self.upstream.terms

    @property
    def server(self) -> str:
        """The only server to which a key that was brought here is sent."""
        return self.taking.client.server

    @property
    def required(self) -> bool:
        """Whether its models are asked with keys of workspaces alone."""
        return self.taking.required

    async def prove(self, access: Access, secret: str) -> None:
        """See a key accepted. Raises OwnKeyWrong, OwnKeyUnchecked, and the Problems named Upstream… ."""
        chatty = [each for each in self.models if each.kind == "chat"]
        cheapest = min(chatty, key=lambda model: model.price_in + model.price_out, default=None)
        hello = Asked(cheapest.served_as, HELLO, access, ONE_TOKEN, max_tokens=1) if cheapest else None
        await prove(self.taking, secret, hello)


def with_own(routes: Sequence[Route], own: Own) -> list[Route]:
    """The routes of a model for a workspace with these keys: over its own accounts first, and over the operator's only where
    every one of those keys allows that.
    """
    keys = [(route, key) for route in routes if (key := own.get(route.upstream.terms.name)) is not None]
    if not keys:
        return list(routes)
    mine = [
        _over(route, taking, key)
        for route, key in keys
        if (taking := route.upstream.taking) is not None and key.is_for(taking)
    ]
    return [*mine, *routes] if all(key.falls_back for _, key in keys) else mine


def _over(route: Route, taking: Taking, key: OwnKey) -> Route:
    model = replace(route.model, price_in=0, price_out=0, cost=0, order=route.model.order - OWN_FIRST)
    terms = replace(route.upstream.terms, contract=key.contract)
    return Route(model, Owned(terms, taking, key.secret, partial(key.refused, key)), own=True)
