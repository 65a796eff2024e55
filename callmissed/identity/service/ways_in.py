"""Everything about how people prove who they are, under one name for the rooms above."""

from callmissed.identity.dns import FileTxtRecords, TxtRecords, WorldTxtRecords
from callmissed.identity.factor_problems import ProviderUnreachable
from callmissed.identity.oidc import SCOPES, Claims, Providers, ProviderSettings
from callmissed.identity.problems import AccountLocked
from callmissed.identity.service import (
    ceremonies,
    domains,
    entrance,
    factors,
    known_browsers,
    passkeys,
    providers,
    totp,
)

__all__ = [
    "SCOPES",
    "AccountLocked",
    "Claims",
    "FileTxtRecords",
    "ProviderSettings",
    "ProviderUnreachable",
    "Providers",
    "TxtRecords",
    "WorldTxtRecords",
    "ceremonies",
    "domains",
    "entrance",
    "factors",
    "known_browsers",
    "passkeys",
    "providers",
    "totp",
]
