"""What can go wrong with conversations."""

from callmissed.foundation.problems import Conflict, Invalid, NotFound


class ConversationNotFound(NotFound):
    """There is no such conversation."""

    code = "conversation_not_found"


class MessageEmpty(Invalid):
    """Write something first."""

    code = "message_empty"


class MessageTooLong(Invalid):
    """This message is longer than 4,000 characters. Shorten it, or send it in parts."""

    code = "message_too_long"


class HeldByTeammate(Conflict):
    """Another teammate has this conversation. Reload to see who, or take it over first."""

    code = "conversation_held"


class NotYours(Conflict):
    """Take this conversation over before you answer in it."""

    code = "conversation_not_taken"
