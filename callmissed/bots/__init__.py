"""Bots: who answers first. A bot reads the thread, asks the gateway, answers with its sources, and calls a person when it
should.
"""

from callmissed.bots.answering import reply
from callmissed.bots.problems import BotNotFound
from callmissed.bots.service import (
    LOCAL_MODEL,
    WIDGET,
    BotForm,
    bot_by_id,
    change_bot,
    create_bot,
    hand_back,
    hear,
    list_bots,
    sources_of,
)

__all__ = [
    "LOCAL_MODEL",
    "WIDGET",
    "BotForm",
    "BotNotFound",
    "bot_by_id",
    "change_bot",
    "create_bot",
    "hand_back",
    "hear",
    "list_bots",
    "reply",
    "sources_of",
]
