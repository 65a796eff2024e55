"""What can go wrong with what narrows a key, with rotation, short-lived tokens and service accounts."""

from callmissed.foundation.problems import Conflict, Forbidden, Invalid, NotFound, Problem, Unauthenticated


class ServiceNotAllowed(Problem):
    """This key may not use this service. Whoever manages the workspace's keys can allow it."""

    status = 403
    code = "service_not_allowed"


class ModelNotAllowed(Problem):
    """This key may not ask this model. GET /v1/models lists those it may."""

    status = 403
    code = "model_not_allowed"


class OriginNotAllowed(Problem):
    """This key does not work from this website, or works from websites only. Its workspace lists where it works."""

    status = 403
    code = "origin_not_allowed"


class AddressNotAllowed(Problem):
    """This key does not work from this network address. Its workspace lists where it works."""

    status = 403
    code = "address_not_allowed"


class KeyReplaced(Problem):
    """This secret was replaced by a newer one of the same key, and its time beside it is over. Use the newer one."""

    status = 401
    code = "key_replaced"


class KeyOwnerGone(Problem):
    """The person who made this key has left the workspace, so it stopped. Keys of a service account work on."""

    status = 401
    code = "key_owner_gone"


class TokenMalformed(Unauthenticated):
    """This is not a token of ours, or it was not copied whole. POST /v1/tokens makes one from a key."""

    code = "token_malformed"


class TokenExpired(Unauthenticated):
    """This token has expired: tokens live for minutes. Have your server make a new one with POST /v1/tokens."""

    code = "token_expired"


class TokenMayNotMint(Problem):
    """A token cannot make tokens. Use the key itself."""

    status = 403
    code = "token_may_not_mint"


class TokenTooWide(Problem):
    """A token may be allowed what its key is allowed, and no more."""

    status = 403
    code = "token_too_wide"


class KeyNotWorking(Conflict):
    """This key no longer works, so it cannot be changed or rotated. Make a new one."""

    code = "key_not_working"


class KeyAboveYou(Forbidden):
    """This key may do more than you. Only somebody who may do all of it can change it or give it a new secret."""

    code = "key_above_you"


class TooManyOldSecrets(Conflict):
    """Five former secrets of this key still work. End them before you make another."""

    code = "key_old_secrets"


class ScopeUnusable(Invalid):
    """A key can be allowed what you may do yourself, and never to manage keys, members or the workspace."""

    code = "key_scope_unusable"


class OptionUnusable(Invalid):
    """That cannot be switched on for a key."""

    code = "key_option_unusable"


class LogDaysUnusable(Invalid):
    """What a key asks can be kept for 1 to 30 days."""

    code = "key_log_days_unusable"


class RateUnusable(Invalid):
    """Write a whole number above 0, up to 1,00,000 requests or 10 crore tokens a minute, or leave it empty."""

    code = "key_rate_unusable"


class BudgetUnusable(Invalid):
    """Write an amount in rupees, above ₹0 and up to ₹1 crore, or leave it empty."""

    code = "key_budget_unusable"


class ModelsUnusable(Invalid):
    """Write up to 20 models, one a line, as GET /v1/models names them; * stands for any characters."""

    code = "key_models_unusable"


class OriginsUnusable(Invalid):
    """Write up to 20 websites, one a line, such as https://shop.example, without a path."""

    code = "key_origins_unusable"


class NetworksUnusable(Invalid):
    """Write up to 20 addresses or ranges, one a line, such as 203.0.113.7 or 203.0.113.0/24, with no bits beyond the range."""

    code = "key_networks_unusable"


class LifetimeUnusable(Invalid):
    """A key can work for 1 to 3,650 days, or until you revoke it."""

    code = "key_lifetime_unusable"


class OverlapUnusable(Invalid):
    """The old secret can work on for 0 to 7 days."""

    code = "key_overlap_unusable"


class ServiceAccountNotFound(NotFound):
    """There is no such service account in your workspace."""

    code = "service_account_not_found"


class ServiceAccountNameMissing(Invalid):
    """Give the service account a name, with up to 80 letters."""

    code = "service_account_name_missing"


class ServiceAccountNameTaken(Conflict):
    """There is a service account of this name already."""

    code = "service_account_name_taken"


class TooManyServiceAccounts(Conflict):
    """A workspace can have 50 service accounts. Close one that is not needed any more."""

    code = "too_many_service_accounts"
