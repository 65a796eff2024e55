"""The frame around every signed-in page: whose workspace, who is signed in, what waits, what is left in the wallet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from callmissed.billing import purse
from callmissed.conversations import counts
from callmissed.dashboard.rooms import Room, open_rooms
from callmissed.dashboard.words import role_name
from callmissed.foundation import i18n
from callmissed.foundation.database import Tx
from callmissed.foundation.money import Micro
from callmissed.foundation.pages import reader_language, render
from callmissed.identity import accounts, staff, workspace, workspaces
from callmissed.privacy import Tally, policy_reminders, policy_versions, tally


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame shows. `wallet` is in micro-rupees, or None for those who may not see it; `places` are further workspaces.
    `reminded`: this quarter's letter on the rules did not arrive, so the frame says it.

    `rooms` are the entries of the sidebar, only those that the caller may open.
    """

    workspace: str
    workspace_detail: str
    user: str
    user_handle: str
    waiting: int
    wallet: Micro | None
    tally: Tally | None
    rooms: Sequence[Room]
    places: list[workspaces.Place]
    may_set: bool
    glass: Sequence[staff.Card] = ()
    policy_change: policy_versions.Version | None = None
    reminded: bool = False


def nobody_may(_: str) -> bool:
    """What a transaction without a caller may see: nothing."""
    return False


async def shell(tx: Tx) -> Shell:
    """The frame's content for the caller of this transaction."""
    access = tx.access
    where = await workspace(tx)
    who = (
        await accounts.profile(tx, access.actor.id)
        if access and access.actor.kind == "user" and access.actor.id
        else None
    )
    may = access.may if access else nobody_may
    places = await workspaces.workspaces_of(tx, who.user_id) if who else []
    return Shell(
        workspace=where.name,
        workspace_detail=role_name(where.role, where.role_name) if where.role else "",
        user=who.full_name if who else "",
        user_handle=who.email if who else "",
        waiting=(await counts(tx)).get("waiting", 0) if may("inbox.read") else 0,
        wallet=Micro((await purse(tx)).balance_micro) if may("billing.read") else None,
        tally=await tally(tx),
        rooms=open_rooms(may),
        places=[place for place in places if place.tenant_id != tx.tenant_id],
        may_set=may("tenant.write"),
        glass=await staff.broken_glass(tx),
        policy_change=await policy_versions.announced(tx),
        reminded=who is not None and await policy_reminders.unreached(tx, who.user_id),
    )


async def workspace_page(
    request: Request, tx: Tx, template: str, *, active: str = "", status_code: int = 200, **context: Any
) -> Response:
    """A page of the workspace: the template within the frame. `active` names the room in the sidebar."""
    with i18n.speaking(reader_language(request)):
        frame = await shell(tx)
    return render(request, template, status_code=status_code, active=active, shell=frame, **context)
