"""What can go wrong with passkeys, second steps and providers."""

from callmissed.foundation.problems import Conflict, Invalid, NotFound, Problem


class ProofTooWeak(Problem):
    """This is not proof enough for your account. Use your passkey or your app."""

    status = 403
    code = "proof_too_weak"


class CeremonyOver(Problem):
    """This took too long, was done already, or began in another browser. Start again."""

    status = 401
    code = "ceremony_over"


class PasskeyRefused(Problem):
    """This passkey could not be used here. Sign in with a code and check your passkeys, or try another one."""

    status = 401
    code = "passkey_refused"


class PasskeyCopied(Problem):
    """This passkey counts fewer uses than we have seen, so there may be a copy of it. Remove it and make a new one."""

    status = 401
    code = "passkey_copied"


class PasskeyKnown(Conflict):
    """This passkey is registered already."""

    code = "passkey_known"


class FactorNotFound(NotFound):
    """You have no such passkey, app or provider."""

    code = "factor_not_found"


class FactorNameMissing(Invalid):
    """Give it a name, with up to 60 letters, so that you know it again."""

    code = "factor_name_missing"


class TooManyFactors(Conflict):
    """You can have 20 passkeys and 5 apps. Remove one that you do not use any more."""

    code = "too_many_factors"


class AppCodeWrong(Problem):
    """This is not the code that your app shows now."""

    status = 401
    code = "app_code_wrong"


class AppCodeUsed(Problem):
    """This code was used already. Wait half a minute for the next one."""

    status = 401
    code = "app_code_used"


class AppClockOff(Problem):
    """The clock of your device is off. Wait for the next code and type it as well; then we know by how much."""

    status = 401
    code = "app_clock_off"


class RecoveryCodeWrong(Problem):
    """This is not one of your unused recovery codes."""

    status = 401
    code = "recovery_code_wrong"


class LastFactor(Conflict):
    """Your workspace asks for a passkey or a second step. Add another one before you remove this."""

    code = "last_factor"


class LastWayIn(Conflict):
    """Your company's sign-in is your only way in. Add a passkey before you unlink it."""

    code = "last_way_in"


class ProviderUnknown(NotFound):
    """There is no such provider here."""

    code = "provider_unknown"


class ProviderUnreachable(Problem):
    """The provider does not answer. Try again in a moment, or sign in another way."""

    status = 502
    code = "provider_unreachable"


class ProviderDeclined(Problem):
    """You were not signed in there, so you are not signed in here either."""

    status = 401
    code = "provider_declined"


class ProviderUntrusted(Problem):
    """What the provider sent is not right, so we did not sign you in. Try again; if it stays so, tell the operator."""

    status = 401
    code = "provider_untrusted"


class ProviderEmailUnverified(Problem):
    """The provider has not checked your e-mail address. Confirm it there first, or sign in with a code."""

    status = 401
    code = "provider_email_unverified"


class IdentityTaken(Conflict):
    """This sign-in belongs to another account already."""

    code = "identity_taken"


class DomainUnusable(Invalid):
    """This is not a domain. Write what stands after the @ of your e-mail addresses, such as example.in."""

    code = "domain_unusable"


class TooManyDomains(Conflict):
    """A workspace can name 20 domains. Remove one first."""

    code = "too_many_domains"


class DomainTaken(Conflict):
    """Another workspace has proven that this domain is theirs."""

    code = "domain_taken"


class DomainNotFound(NotFound):
    """Your workspace has no such domain."""

    code = "domain_not_found"


class DomainUnproven(Conflict):
    """The record was not found. It can take some hours until a new record is seen everywhere."""

    code = "domain_unproven"
