"""What can go wrong with bots."""

from callmissed.foundation.problems import Invalid, NotFound


class BotNotFound(NotFound):
    """There is no such bot in your workspace."""

    code = "bot_not_found"


class BotIncomplete(Invalid):
    """A bot needs a name (up to 80 characters) and a greeting (up to 500)."""

    code = "bot_incomplete"


class OriginInvalid(Invalid):
    """Write websites as https://example.in, one per line, without a path."""

    code = "bot_origin_invalid"
