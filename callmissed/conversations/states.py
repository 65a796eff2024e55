"""Who has a conversation, and who may have it next. Nothing but the rule."""

from enum import StrEnum

MESSAGE_LIMIT = 4_000
"""Characters in one message."""


class State(StrEnum):
    """Who has a conversation now."""

    WITH_BOT = "with_bot"
    WAITING = "waiting"
    WITH_TEAMMATE = "with_teammate"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why a teammate is needed."""

    WANTS_PERSON = "wants_person"
    BOT_FAILED = "bot_failed"
    WALLET_EMPTY = "wallet_empty"


class Author(StrEnum):
    """Who says something."""

    CONTACT = "contact"
    BOT = "bot"
    TEAMMATE = "teammate"
    SYSTEM = "system"


OPEN = (State.WAITING, State.WITH_BOT, State.WITH_TEAMMATE)


def bot_may_speak(state: State) -> bool:
    """The bot is silent from the moment a person is asked for until it is handed back."""
    return state is State.WITH_BOT
