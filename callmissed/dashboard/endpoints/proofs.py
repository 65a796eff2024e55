"""Showing again that it is you, before something dangerous, and going on with what you were doing.

What was typed travels in the page itself: the form that carries the code carries it too, and once the code is right the
browser is sent back with the same form (307), so nothing is typed twice and nothing is kept here.
"""

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.cookies import keep_session
from callmissed.dashboard.doorway import has_name, site, step_cookie
from callmissed.dashboard.own_account import holder
from callmissed.foundation.http import Router, public, services, wants_page
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
    return _page(request, Carried(to, request.method, problem.typed), status=problem.status)


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes on once it is proven: where to, by which method, with which fields."""

    to: str
    method: str
    typed: tuple[tuple[str, str], ...] = ()


@router.post("/app/prove", access=public())
async def prove(request: Request) -> Response:
    """Ask for a proof, or check it and go on. Public: it works for the session that the browser holds, and only for it."""
    held = services(request)
    who = await holder(request)
    if isinstance(who, Response):
        return who
    form = await request.form()
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    own = {name: value for name, value in fields if name.startswith(OURS)}
    to = own.get("prove_to", "")
    carried = Carried(
        to if ONWARD.fullmatch(to) else "/app",
        own.get("prove_method", "GET"),
        tuple((name, value) for name, value in fields if not name.startswith(OURS)),
    )
    async with held.db.control() as tx:
        kinds = await proofs.offered(tx, who)
    kind = own.get("prove_kind", "")
    kind = kind if kind in kinds else _first(request, kinds)
    problem: Problem | None = None
    if "prove_code" in own:
        answer = proofs.Answer(
            own["prove_code"], request.cookies.get(step_cookie(request), ""), site(request)
        )
        async with held.db.control() as tx:
            outcome = await proofs.prove(tx, who, answer, kind)
        if isinstance(outcome, str):
            reply = RedirectResponse(carried.to, 307 if carried.method == "POST" else 303)
            keep_session(request, reply, outcome)
            return reply
        problem = outcome
    elif kind == "email":
        problem = await _send(request, who)
    return await _asked(request, who, carried, kind, kinds, problem)


def _first(request: Request, kinds: tuple[str, ...]) -> str:
    """The kind that is asked for unless they choose: the best that works under this address."""
    return next(kind for kind in kinds if kind != "passkey" or has_name(request) or len(kinds) == 1)


async def _send(request: Request, who: sessions.Current) -> Problem | None:
    try:
        async with services(request).db.control() as tx:
            await proofs.begin(tx, who)
    except Problem as problem:
        return problem
    return None


async def _asked(
    request: Request,
    who: sessions.Current,
    carried: Carried,
    kind: str,
    kinds: tuple[str, ...],
    problem: Problem | None,
) -> Response:
    if problem is not None and not wants_page(request):
        raise problem
    async with services(request).db.control() as tx:
        address = (await accounts.profile(tx, who.user_id)).email
    return _page(
        request,
        carried,
        problem=problem,
        status=problem.status if problem else 200,
        kind=kind,
        kinds=kinds,
        address=address,
        by_name=has_name(request),
    )


def _page(
    request: Request,
    carried: Carried,
    *,
    problem: Problem | None = None,
    status: int = 200,
    kind: str = "",
    **shown: object,
) -> Response:
    reply = render(
        request,
        "dashboard/account/prove.html",
        status_code=status,
        carried=carried,
        kind=kind,
        problem=problem,
        outbox=services(request).get(Postbox).keeps_letters,
        **shown,
    )
    reply.headers["Cache-Control"] = "no-store"
    if problem is not None and problem.retry_after is not None:
        reply.headers["Retry-After"] = str(problem.retry_after)
    return reply
