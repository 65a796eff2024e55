"""What can go wrong for the operator's staff, and for a tenant that decides about them."""

from callmissed.foundation.problems import Conflict, Invalid, NotFound, Problem, Unauthenticated


class StaffRoleUnknown(Invalid):
    """There is no such staff role."""

    code = "staff_role_unknown"


class StaffNotFound(NotFound):
    """Nobody on the operator's staff has this address."""

    code = "staff_not_found"


class ProveAgain(Unauthenticated):
    """The operator's console asks for a fresh sign-in: yours is older than eight hours."""

    code = "staff_prove_again"


class UndertakingMissing(Problem):
    """Your role works once you have signed the confidentiality undertaking that is in force now."""

    status = 403
    code = "staff_undertaking_missing"


class UndertakingReplaced(Conflict):
    """There is a newer undertaking than the one you read. Read it and sign that one."""

    code = "staff_undertaking_replaced"


class SignatureDiffers(Invalid):
    """Sign with your name exactly as it stands in your account."""

    code = "staff_signature_differs"


class TooManyWaiting(Conflict):
    """Five of your requests wait for this workspace already. Let it answer one of them first."""

    code = "staff_too_many_waiting"


class ReasonTooShort(Invalid):
    """Say why you need to look, in 20 to 1,000 letters. The workspace reads it, so name no person in it."""

    code = "staff_reason_unusable"


class DurationUnusable(Invalid):
    """Ask for 15 minutes at least and 8 hours at most."""

    code = "staff_duration_unusable"


class ScopeUnusable(Invalid):
    """Your role cannot ask for that. For a conversation, give its id."""

    code = "staff_scope_unusable"


class AuthorityMissing(Invalid):
    """Name the authority's order or the incident that this rests on, in 5 to 200 letters."""

    code = "staff_authority_missing"


class AccessNotFound(NotFound):
    """There is no such request for access."""

    code = "staff_access_not_found"


class AlreadyDecided(Conflict):
    """This request was decided, has ended, or has lapsed."""

    code = "staff_access_decided"


class OwnRequest(Problem):
    """You asked for this access yourself, so somebody else has to decide."""

    status = 403
    code = "staff_own_request"


class SecondPersonNeeded(Problem):
    """Breaking the glass takes two different people, one of them from security."""

    status = 403
    code = "staff_second_person"


class NobodyToAlarm(Conflict):
    """The glass stays closed: the alarm would not reach an owner of the workspace, security and the privacy officer."""

    code = "staff_nobody_to_alarm"


class AccessOver(Problem):
    """This access has ended, or was not given. What is past its time shows nothing."""

    status = 403
    code = "staff_access_over"
