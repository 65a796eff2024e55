"""News of how a workspace lets people in: whoever answers for it is told by mail (promise use.transactional)."""

from uuid import UUID

from callmissed.foundation.database import Tx
from callmissed.identity.repository import team
from callmissed.identity.service import alerts


async def tell(tx: Tx, about: UUID, leaf: UUID) -> None:
    """Warn the owner that a rule of signing in was changed, about a domain or the workspace, as this leaf of the log says."""
    for member in await team.members(tx):
        if member.role == "owner":
            await alerts.tell(tx, member.user_id, "rules_changed", leaf=leaf, about=about)
