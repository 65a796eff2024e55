"""People with a workspace of their own, made through the front door."""

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import onboarding
from callmissed.identity.service.accounts import account_for


async def workspace_of_someone(services: Services, email: str = "") -> Access:
    """A new person's standing as the owner of a new workspace."""
    async with services.db.control() as tx:
        user = await account_for(tx, email or f"p{uuid7().hex}@namuna.example", "en")
    access = onboarding.new_tenant(user.id)
    async with services.db.tenant(access) as tx:
        await onboarding.found(
            tx, user.id, onboarding.Introduction("Asha Namuna", "Namuna Repairs", adult=True)
        )
    return access
