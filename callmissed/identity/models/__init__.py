"""Tables of the room: accounts, how they sign in, workspaces, who works in them, and keys.

An account holds name, e-mail, optional phone, organisation, role and sign-in identifiers, nothing else (Policy §1), all
sealed under the person's own key. No password and no readable secret is kept anywhere.
"""

from callmissed.identity.models.accounts import UserAccount
from callmissed.identity.models.children import ChildSignal
from callmissed.identity.models.closing import Closing, ClosingNotice, ErasureStep
from callmissed.identity.models.keys import ApiKey, RetiredSecret, ServiceAccount
from callmissed.identity.models.passkeys import Ceremony, Passkey
from callmissed.identity.models.providers import LinkedIdentity, SignInDomain
from callmissed.identity.models.security import ProofCode, SecurityAlert
from callmissed.identity.models.sessions import Session
from callmissed.identity.models.sign_in import SignInCode, SignInCounter
from callmissed.identity.models.team import CustomRole, Invitation, OwnershipTransfer
from callmissed.identity.models.tenants import Membership, Tenant
from callmissed.identity.models.totp import RecoveryCode, TotpFactor

__all__ = [
    "ApiKey",
    "Ceremony",
    "ChildSignal",
    "Closing",
    "ClosingNotice",
    "CustomRole",
    "ErasureStep",
    "Invitation",
    "LinkedIdentity",
    "Membership",
    "OwnershipTransfer",
    "Passkey",
    "ProofCode",
    "RecoveryCode",
    "RetiredSecret",
    "SecurityAlert",
    "ServiceAccount",
    "Session",
    "SignInCode",
    "SignInCounter",
    "SignInDomain",
    "Tenant",
    "TotpFactor",
    "UserAccount",
]
