"""Showing again that it is you, before something dangerous, and going on with what you were doing.

What was typed travels in the page itself: the form that carries the code carries it too, and once the code is right the
browser is sent back with the same form (307), so nothing is typed twice and nothing is kept here.
"""

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.cookies import keep_session
from callmissed.foundation.http import Router, public, services
from callmissed.foundation.mail import Postbox
from callmissed.foundation.pages import render
from callmissed.foundation.problems import Problem, ProofNeeded
from callmissed.identity import accounts, proofs, sessions

router = Router(tags=["account"])

OURS = "prove_"
"""How the fields begin that are this page's own; everything else is carried on."""

ONWARD = re.compile(r"/app(?:[/?][!-\[\]-~]*)?")
"""Where a proof may lead: pages of the workspace. No host, no backslash, no control character fits in here."""


def proof_page(request: Request, problem: ProofNeeded) -> Response:
    """The page that asks for a proof instead of what was asked for."""
    to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _page(request, to, request.method, problem.typed, sent=False, status=problem.status)


@router.post("/app/prove", access=public())
async def prove(request: Request) -> Response:
    """Send a code, or check it and go on. Public: it works for the session that the browser holds, and only for it."""
    held = services(request)
    who = await held.get(sessions.SessionReader).who(request)
    if who is None:
        return RedirectResponse("/sign-in", 303)
    form = await request.form()
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    own = {name: value for name, value in fields if name.startswith(OURS)}
    typed = tuple((name, value) for name, value in fields if not name.startswith(OURS))
    to = own.get("prove_to", "")
    to, method = to if ONWARD.fullmatch(to) else "/app", own.get("prove_method", "GET")
    async with held.db.control() as tx:
        address = (await accounts.profile(tx, who.user_id)).email
    if "prove_code" not in own:
        try:
            async with held.db.control() as tx:
                await proofs.begin(tx, who)
        except Problem as problem:
            return _page(request, to, method, typed, sent=False, problem=problem, status=problem.status)
        return _page(request, to, method, typed, sent=True, address=address)
    async with held.db.control() as tx:
        outcome = await proofs.prove(tx, who, own["prove_code"])
    if isinstance(outcome, Problem):
        return _page(
            request, to, method, typed, sent=True, problem=outcome, status=outcome.status, address=address
        )
    reply = RedirectResponse(to, 307 if method == "POST" else 303)
    keep_session(request, reply, outcome)
    return reply


def _page(
    request: Request,
    to: str,
    method: str,
    typed: tuple[tuple[str, str], ...],
    *,
    sent: bool,
    problem: Problem | None = None,
    status: int = 200,
    address: str = "",
) -> Response:
    reply = render(
        request,
        "dashboard/account/prove.html",
        status_code=status,
        to=to,
        method=method,
        typed=typed,
        sent=sent,
        problem=problem,
        address=address,
        outbox=services(request).get(Postbox).keeps_letters,
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply
