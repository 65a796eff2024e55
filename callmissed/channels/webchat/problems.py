"""What can go wrong in web chat."""

from callmissed.foundation.problems import NotFound, TooManyRequests, Unauthenticated


class WidgetNotFound(NotFound):
    """There is no chat under this address. Check the snippet on the website."""

    code = "widget_not_found"


class VisitorUnknown(Unauthenticated):
    """This chat has ended. Write again to begin a new one."""

    code = "visitor_unknown"


class TooFast(TooManyRequests):
    """That was many messages in a short time. Wait a moment, then send again."""

    code = "visitor_too_fast"
