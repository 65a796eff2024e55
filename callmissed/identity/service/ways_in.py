"""Everything about how people prove who they are, under one name for the rooms above."""

from callmissed.identity.dns import FileTxtRecords, TxtRecords, WorldTxtRecords
from callmissed.identity.factor_problems import SignInAgain
from callmissed.identity.oidc import SCOPES, Claims, Providers, ProviderSettings
from callmissed.identity.service import ceremonies, domains, entrance, factors, passkeys, providers, totp

__all__ = [
    "SCOPES",
    "Claims",
    "FileTxtRecords",
    "ProviderSettings",
    "Providers",
    "SignInAgain",
    "TxtRecords",
    "WorldTxtRecords",
    "ceremonies",
    "domains",
    "entrance",
    "factors",
    "passkeys",
    "providers",
    "totp",
]
