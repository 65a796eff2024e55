"""The sealed store: what law makes us keep after the product has erased it, readable by two custodians together and nobody else."""

from callmissed.privacy.sealed.custodians import (
    Custodians,
    CustodiansMissing,
    CustodiansUnusable,
    IdentityUnusable,
    NotForThem,
    SameCustodian,
    new_identity,
    open_with,
)
from callmissed.privacy.sealed.escrow import Escrow, destroy_due, record_id
from callmissed.privacy.sealed.releases import (
    Line,
    ReleaseAgreed,
    ReleaseHasNoAuthority,
    ReleaseSecondPerson,
    SealedNotFound,
    agree,
    ask,
    by_month,
    file_of,
    register,
    releases,
)

__all__ = [
    "Custodians",
    "CustodiansMissing",
    "CustodiansUnusable",
    "Escrow",
    "IdentityUnusable",
    "Line",
    "NotForThem",
    "ReleaseAgreed",
    "ReleaseHasNoAuthority",
    "ReleaseSecondPerson",
    "SameCustodian",
    "SealedNotFound",
    "agree",
    "ask",
    "by_month",
    "destroy_due",
    "file_of",
    "new_identity",
    "open_with",
    "record_id",
    "register",
    "releases",
]
