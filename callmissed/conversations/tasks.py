"""What this room does for rooms below: it holds data of contacts."""

from callmissed.contacts import register
from callmissed.conversations.custody import ConversationCustodian

register(ConversationCustodian())
