"""What can go wrong with the manner of a request to the management API."""

from callmissed.foundation.problems import Invalid


class CursorUnusable(Invalid):
    """This cursor is not one that we gave. Take `next_cursor` of the page before, or leave it out to begin anew."""

    code = "cursor_unusable"


class PeriodUnusable(Invalid):
    """A period begins before it ends, lasts up to 92 days, and lies after the year 2020."""

    code = "period_unusable"
