"""People with a workspace of their own, made through the front door."""

from sqlalchemy import text

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import onboarding
from callmissed.identity.service.accounts import account_for

NO_WELCOME = text(
    "DELETE FROM procrastinate_jobs WHERE task_name = 'billing.welcome' AND args->>'tenant_id' = :tenant"
)


async def workspace_of_someone(services: Services, email: str = "", *, welcomed: bool = True) -> Access:
    """A new person's standing as the owner of a new workspace; `welcomed=False` where every paisa is counted."""
    async with services.db.control() as tx:
        user = await account_for(tx, email or f"p{uuid7().hex}@namuna.example", "en")
    access = onboarding.new_tenant(user.id)
    async with services.db.tenant(access) as tx:
        await onboarding.found(
            tx, user.id, onboarding.Introduction("Asha Namuna", "Namuna Repairs", adult=True)
        )
        if not welcomed:  # in the same transaction, so that no worker of another test sees the job
            await tx.session.execute(NO_WELCOME, {"tenant": str(access.tenant_id)})
    return access
