"""The room's jobs."""

from uuid import UUID

from callmissed.bots.answering import reply
from callmissed.foundation import jobs
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access


@jobs.task("bots.reply")
async def reply_to_message(
    services: Services, *, tenant_id: str, conversation_id: str, message_id: str
) -> None:
    """Answer one message of a contact. Runs again after a crash; the reply is given once."""
    await reply(services, Access.system(UUID(tenant_id)), UUID(conversation_id), UUID(message_id))
