"""The promise on providers (Policy §1), kept, and broken by a provider that really asks for more."""

from callmissed.foundation.services import Services
from callmissed.identity import ways_in
from callmissed.identity.oidc import Provider
from callmissed.privacy import check_all


async def verdict(services: Services) -> str:
    """What the promise on providers says now."""
    [found] = [each for each in await check_all(services) if each.promise.id == "collect.idp"]
    return found.finding.verdict


class Greedy(Provider):
    """A provider that is asked for more than we may take."""

    def asks(self) -> dict[str, str]:
        return {**super().asks(), "scope": "openid email profile phone"}


async def test_asking_for_more_breaks_the_promise(services, liar) -> None:
    register = services.get(ways_in.Providers)
    assert await verdict(services) == "kept"
    register._providers["greedy"] = Greedy(liar.settings("greedy"), laptop=True)
    assert await verdict(services) == "broken"
    del register._providers["greedy"]
    assert await verdict(services) == "kept"
