"""OpenID Connect: any provider that speaks it, from the operator's file. Of what it says, three claims leave this package."""

from callmissed.identity.oidc.provider import SCOPES, Claims, Provider, Trip
from callmissed.identity.oidc.register import Providers
from callmissed.identity.oidc.settings import ProviderSettings

__all__ = ["SCOPES", "Claims", "Provider", "ProviderSettings", "Providers", "Trip"]
