"""That a workspace's keys at suppliers have changed: counted, and told to every node by the key ring; and who hears of them."""

from typing import Final

from callmissed.foundation import mail
from callmissed.foundation.database import Tx
from callmissed.identity.repository import staff, team
from callmissed.identity.service import accounts, keys
from callmissed.identity.team_problems import WorkspaceNotYours

TOPIC: Final = keys.TOPIC
"""Of the news that every node hears: changes of keys, and of what a workspace's keys may do."""

IN_CHARGE: Final = ("owner", "admin")


async def changed(tx: Tx) -> None:
    """Count a change, and have every node ask again within a second of the commit. Changes of a workspace wait for one another."""
    row = await team.hold_tenant(tx)
    if row is None:
        raise WorkspaceNotYours
    row.own_keys += 1
    await keys.forget_keys(tx)


async def write(tx: Tx, letter: str, *, upstream: str, last_four: str) -> None:
    """A letter about such a key to each owner and admin of the workspace, in their language."""
    for person_id in await staff.people(tx, IN_CHARGE):
        who = await accounts.profile(tx, person_id)
        await mail.queue(
            tx, person_id, who.email, letter, language=who.language, upstream=upstream, last_four=last_four
        )
