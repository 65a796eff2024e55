"""What can go wrong with the manner of a request to the management API."""

from callmissed.foundation.problems import Conflict, Invalid


class CursorUnusable(Invalid):
    """This cursor is not one that we gave. Take `next_cursor` of the page before, or leave it out to begin anew."""

    code = "cursor_unusable"


class OnceKeyUnusable(Invalid):
    """An Idempotency-Key has 1 to 200 characters."""

    code = "idempotency_key_unusable"


class OnceKeyReused(Conflict):
    """This Idempotency-Key was used for another request within the last 24 hours. Choose a new one for each request."""

    code = "idempotency_key_reused"


class PeriodUnusable(Invalid):
    """A period begins before it ends, lasts up to 92 days, and lies after the year 2020."""

    code = "period_unusable"
