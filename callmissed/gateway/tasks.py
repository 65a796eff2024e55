"""The room's jobs."""

from uuid import UUID

from callmissed.foundation import jobs
from callmissed.foundation.services import Services
from callmissed.gateway.provider_keys import FORGET, RETENTION_CLASS


@jobs.task(FORGET)
async def forget_provider_key(services: Services, *, tenant_id: str, key_id: str) -> None:
    """Destroy what a key that was taken out is sealed under: no copy of its row, however old, can be opened after that."""
    await services.vault.erase_person(UUID(tenant_id), UUID(key_id), (RETENTION_CLASS,))
