"""How the room hands out and erases what a contact said, and was told."""

from typing import Any
from uuid import UUID

from callmissed.conversations import repository
from callmissed.conversations.models import Message
from callmissed.foundation.database import Tx


class ConversationCustodian:
    """Asked by `contacts` when a contact is exported or erased."""

    name = "conversations"

    async def export(self, tx: Tx, contact_id: UUID) -> list[dict[str, Any]]:
        """Everything said in the contact's conversations, in order."""
        return [
            {
                "conversation": str(row.conversation_id),
                "at": row.created_at,
                "author": row.author,
                "event": row.event,
                "text": await tx.vault.open(Message.body, row.id, contact_id, row.body) if row.body else None,
            }
            for row in await repository.of_person(tx, contact_id)
        ]

    async def erase(self, tx: Tx, contact_id: UUID) -> int:
        """Remove the contact's conversations and messages."""
        return await repository.remove(tx, contact_id)
