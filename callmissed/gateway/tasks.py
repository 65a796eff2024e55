"""The room's jobs."""

from uuid import UUID

from callmissed.foundation import jobs
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import repository
from callmissed.gateway.images import history
from callmissed.gateway.own.provider_keys import FORGET, RETENTION_CLASS


@jobs.task(FORGET)
async def forget_provider_key(services: Services, *, tenant_id: str, key_id: str) -> None:
    """Destroy what a key that was taken out is sealed under: no copy of its row, however old, can be opened after that."""
    tenant, row = UUID(tenant_id), UUID(key_id)
    async with services.db.tenant(Access.system(tenant)) as tx:
        is_gone = await repository.provider_key(tx, row) is None
    if is_gone:
        await services.vault.erase_person(tenant, row, (RETENTION_CLASS,))


@jobs.task(history.FORGET)
async def forget_picture(services: Services, *, tenant_id: str, picture_id: str) -> None:
    """Destroy a picture whose days are over, or that was erased, and what it is sealed under."""
    await history.forget(services, UUID(tenant_id), UUID(picture_id))
