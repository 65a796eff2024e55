"""Conversations: what contacts, bots and teammates say to one another, and who has a conversation now.

The words are sealed under the contact's key. Every change writes its audit leaf and announces itself to open pages, in
the same transaction.
"""

from callmissed.conversations.reading import (
    Line,
    Said,
    Thread,
    counts,
    inbox,
    list_threads,
    thread,
    threads_of,
)
from callmissed.conversations.service import (
    Draft,
    Receipt,
    add_message,
    ask_for_person,
    hand_back,
    inbox_topic,
    mark_seen,
    open_conversation,
    resolve,
    take_if_free,
    take_over,
    thread_topic,
)
from callmissed.conversations.states import MESSAGE_LIMIT, Author, Reason, State

__all__ = [
    "MESSAGE_LIMIT",
    "Author",
    "Draft",
    "Line",
    "Reason",
    "Receipt",
    "Said",
    "State",
    "Thread",
    "add_message",
    "ask_for_person",
    "counts",
    "hand_back",
    "inbox",
    "inbox_topic",
    "list_threads",
    "mark_seen",
    "open_conversation",
    "resolve",
    "take_if_free",
    "take_over",
    "thread",
    "thread_topic",
    "threads_of",
]
