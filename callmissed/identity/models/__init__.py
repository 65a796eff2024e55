"""Tables of the room: accounts, how they sign in, workspaces, who works in them, and keys.

An account holds name, e-mail, optional phone, organisation, role and sign-in identifiers, nothing else (Policy §1), all
sealed under the person's own key. No password and no readable secret is kept anywhere.
"""

from callmissed.identity.models.accounts import UserAccount
from callmissed.identity.models.children import ChildSignal
from callmissed.identity.models.closing import Closing, ClosingNotice, ErasureStep
from callmissed.identity.models.keys import ApiKey, RetiredSecret, ServiceAccount
from callmissed.identity.models.security import ProofCode, SecurityAlert
from callmissed.identity.models.sessions import Session
from callmissed.identity.models.sign_in import SignInCode, SignInCounter
from callmissed.identity.models.team import CustomRole, Invitation, OwnershipTransfer
from callmissed.identity.models.tenants import Membership, Tenant

__all__ = [
    "ApiKey",
    "ChildSignal",
    "Closing",
    "ClosingNotice",
    "CustomRole",
    "ErasureStep",
    "Invitation",
    "Membership",
    "OwnershipTransfer",
    "ProofCode",
    "RetiredSecret",
    "SecurityAlert",
    "ServiceAccount",
    "Session",
    "SignInCode",
    "SignInCounter",
    "Tenant",
    "UserAccount",
]
