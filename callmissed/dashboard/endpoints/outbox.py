"""The outbox: letters that a laptop keeps instead of sending. These routes exist outside production only."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.foundation import mail
from callmissed.foundation.http import ControlTx, Router, public, services
from callmissed.foundation.pages import render
from callmissed.foundation.problems import NotFound

laptop_router = Router(tags=["outbox"])


@laptop_router.get("/outbox", access=public())
async def listed(request: Request, tx: ControlTx) -> Response:
    """Every letter still here, newest first. Public: on a laptop, whoever is in front of it is everybody."""
    keeps = services(request).get(mail.Postbox).keeps_letters
    return render(request, "dashboard/outbox/list.html", letters=await mail.kept_letters(tx), keeps=keeps)


@laptop_router.get("/outbox/{letter_id}", access=public())
async def opened(request: Request, letter_id: UUID, tx: ControlTx) -> Response:
    """One letter as its recipient sees it. Raises NotFound."""
    kept = await mail.kept(tx, letter_id)
    if kept is None:
        raise NotFound
    return render(request, "dashboard/outbox/letter.html", kept=kept)
