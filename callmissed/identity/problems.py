"""What can go wrong with sign-in, workspaces and keys."""

from callmissed.foundation.problems import Conflict, Invalid, NotFound, Problem, TenantClosed, TooManyRequests


class EmailUnusable(Invalid):
    """This is not an e-mail address we can write to. Check it for a typing mistake."""

    code = "email_unusable"


class PhoneUnusable(Invalid):
    """This is not a phone number. Write it with its country code, such as +91 98765 43210, or leave it empty."""

    code = "phone_unusable"


class NameMissing(Invalid):
    """Write your name, with up to 120 letters."""

    code = "name_missing"


class OrganisationMissing(Invalid):
    """Write the name of your organisation, with up to 120 letters."""

    code = "organisation_missing"


class AdultsOnly(Invalid):
    """CallMissed is for people of 18 years or older. Tick the box if you are."""

    code = "adults_only"


class CodeIncomplete(Invalid):
    """A code has six digits."""

    code = "code_incomplete"


class CodeWrong(Problem):
    """This is not the code we sent."""

    status = 401
    code = "code_wrong"


class CodeExpired(Problem):
    """This code is no longer valid: it works for ten minutes, in the browser that asked for it. Ask for a new one."""

    status = 401
    code = "code_expired"


class CodeUsed(Problem):
    """This code was used already. Ask for a new one."""

    status = 401
    code = "code_used"


class CodeReplaced(Problem):
    """We have sent a newer code since. Use that one."""

    status = 401
    code = "code_replaced"


class SignInLocked(TooManyRequests):
    """Too many wrong codes. Sign-in is closed for a quarter of an hour."""

    code = "sign_in_locked"


class TooManyCodes(TooManyRequests):
    """We have sent several codes already. Use the newest one, or wait a quarter of an hour."""

    code = "too_many_codes"


class TooManyStarts(TooManyRequests):
    """From your network sign-in was begun too often. Wait a quarter of an hour."""

    code = "too_many_starts"


class AlreadyFounded(Conflict):
    """You have a workspace already."""

    code = "already_founded"


class KeyMalformed(Problem):
    """This is not a CallMissed key. Keys begin with cm_ and have 41 characters; check that it was copied whole."""

    status = 401
    code = "key_malformed"


class KeyUnknown(Problem):
    """There is no such key."""

    status = 401
    code = "key_unknown"


class KeyRevoked(Problem):
    """This key was revoked. Make a new one."""

    status = 401
    code = "key_revoked"


class KeyExpired(Problem):
    """This key has expired. Make a new one."""

    status = 401
    code = "key_expired"


WorkspaceClosed = TenantClosed
"""A closed workspace is a closed tenant: refused below this room, and named in its words."""


class KeyNotFound(NotFound):
    """There is no such key in your workspace."""

    code = "key_not_found"


class KeyNameMissing(Invalid):
    """Give the key a name, with up to 80 letters, so that your team knows it again."""

    code = "key_name_missing"


class KeyMayNothing(Invalid):
    """Allow the key at least one service, otherwise it cannot do anything."""

    code = "key_may_nothing"


class TooManyKeys(Conflict):
    """A workspace can have 100 working keys. Revoke one that is not needed any more."""

    code = "too_many_keys"


class SessionNotFound(NotFound):
    """You are not signed in there any more."""

    code = "session_not_found"


class AccountLocked(Problem):
    """This account is locked, because its holder said that somebody else used it. Sign in with a code sent by e-mail."""

    status = 403
    code = "account_locked"


class AddressLeft(Conflict):
    """An account changed from this address to another one in the last seven days. If that wasn't you, use the link in our mail about it."""

    code = "address_left"


class EmailTaken(Conflict):
    """There is an account with this address already. Sign in with it, or use another address."""

    code = "email_taken"


class LinkWorn(Problem):
    """This link does not work: it was used, or its seven days are over. Sign in and look at where you are signed in."""

    status = 410
    code = "link_worn"


class WordMissing(Invalid):
    """Type the word exactly as it stands there."""

    code = "word_missing"


class OwnsWorkspace(Conflict):
    """You own a workspace. Close it first, or make somebody else its owner."""

    code = "owns_workspace"


class NotClosed(NotFound):
    """There is nothing closed that you could open again."""

    code = "not_closed"


class SignalNotFound(NotFound):
    """There is no such open sign of a child."""

    code = "signal_not_found"
