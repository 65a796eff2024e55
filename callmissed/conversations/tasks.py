"""What this room does for rooms below: it holds data of contacts, and lets go of what a teammate held who has left."""

from uuid import UUID

from callmissed.contacts import register
from callmissed.conversations.custody import ConversationCustodian
from callmissed.conversations.service import let_go_of
from callmissed.foundation import jobs
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access

register(ConversationCustodian())


@jobs.task("conversations.let_go")
async def let_go(services: Services, tenant_id: str, user_id: str) -> None:
    """Somebody works here no more: what they held waits for another teammate."""
    async with services.db.tenant(Access.system(UUID(tenant_id))) as tx:
        await let_go_of(tx, UUID(user_id))
