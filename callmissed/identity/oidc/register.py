"""Every provider of this installation."""

from collections.abc import Iterable
from pathlib import Path

from callmissed.identity.factor_problems import ProviderDeclined, ProviderUnknown
from callmissed.identity.oidc.provider import Claims, Provider, Trip
from callmissed.identity.oidc.settings import ProviderSettings, read_file


class Providers:
    """The providers people can sign in through. One per process."""

    def __init__(self, settings: Iterable[ProviderSettings] = (), *, laptop: bool = False) -> None:
        self._laptop = laptop
        self._providers: dict[str, Provider] = {}
        for each in settings:
            self.offer(each)

    @classmethod
    def of(cls, file: Path | None, *, production: bool) -> "Providers":
        """Those of the operator's file; none without one. Raises ValueError or KeyError for a wrong file."""
        laptop = not production
        return cls(read_file(file, laptop=laptop) if file else (), laptop=laptop)

    def offer(self, settings: ProviderSettings) -> None:
        """Add a provider, or replace the one of the same name."""
        self._providers[settings.name] = Provider(settings, laptop=self._laptop)

    def provider(self, name: str) -> Provider:
        """One provider. Raises ProviderUnknown."""
        found = self._providers.get(name)
        if found is None:
            raise ProviderUnknown
        return found

    async def bring_back(self, name: str, trip: Trip, code: str, issuer: str | None, error: str) -> Claims:
        """Who a provider says came back from this trip.

        Raises ProviderUnknown, ProviderDeclined, ProviderUnreachable, ProviderUntrusted and ProviderEmailUnverified.
        """
        provider = self.provider(name)
        await provider.check_issuer(issuer)
        if error or not code:
            raise ProviderDeclined
        return await provider.redeem(code, trip)

    def title(self, name: str) -> str:
        """What a provider is called on buttons; its bare name when it is no longer offered."""
        found = self._providers.get(name)
        return found.settings.title if found else name

    def all(self) -> list[ProviderSettings]:
        """All of them, in the order of the file."""
        return [each.settings for each in self._providers.values()]

    def buttons(self) -> list[ProviderSettings]:
        """Those offered to everybody at sign-in."""
        return [each for each in self.all() if each.button]

    def asked_scopes(self) -> dict[str, str]:
        """What each provider is asked for, for the promise on it (Policy §1)."""
        return {name: each.asks()["scope"] for name, each in self._providers.items()}
