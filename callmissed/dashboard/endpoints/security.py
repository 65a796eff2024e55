"""How somebody signs in, on a page of their own: passkeys, apps, recovery codes, providers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any, Literal
from uuid import UUID

import segno
from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.cookies import keep_session
from callmissed.dashboard.doorway import (
    Asked,
    browser_of,
    has_name,
    keep_browser,
    named_address,
    onward,
    promise_beside,
    site,
    step_cookie,
)
from callmissed.dashboard.endpoints.account import me
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.own_account import SECURITY, own_account, session_of
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.identity import accounts, sessions, ways_in

router = Router(tags=["account"])

Typed = Annotated[str, Form()]


@router.get(SECURITY, access=own_account())
async def shown(
    request: Request,
    tx: TenantTx,
    rename: UUID | None = None,
    remove: UUID | None = None,
    wish: Asked = "",
) -> Response:
    """What the caller has; `rename` and `remove` ask about one of them."""
    return await _page(request, tx, rename=rename, remove=remove, next=wish)


@router.get(f"{SECURITY}/new/{{kind}}", access=own_account(fresh=True))
async def shown_with_drawer(request: Request, tx: TenantTx, kind: Literal["passkey", "app"]) -> Response:
    """The same with the drawer that adds one open."""
    return await _page(request, tx, new=kind)


@router.post(f"{SECURITY}/passkeys/ask", access=own_account(fresh=True))
async def ask_passkey(request: Request, tx: TenantTx) -> Response:
    """What the browser needs to make a passkey. Raises TooManyFactors."""
    who = await accounts.profile(tx, me(tx))
    browser = browser_of(request)
    asked = await ways_in.passkeys.ask_to_add(tx, who, browser, site(request))
    reply = Response(asked, media_type="application/json", headers={"cache-control": "no-store"})
    keep_browser(request, reply, browser)
    return reply


@router.post(f"{SECURITY}/passkeys", access=own_account(fresh=True))
async def add_passkey(
    request: Request, tx: TenantTx, credential: Typed = "", passkey_name: Typed = ""
) -> Response:
    """Keep the passkey the browser has made."""
    user_id, browser = me(tx), request.cookies.get(step_cookie(request), "")
    try:
        made = await ways_in.passkeys.add(tx, user_id, credential, passkey_name, browser, site(request))
    except Problem as problem:
        made = problem
    if isinstance(made, Problem):
        return await _page(request, tx, new="passkey", problem=made)
    return await _stronger(request, tx, "passkey", RedirectResponse(SECURITY, 303))


@router.post(f"{SECURITY}/apps", access=own_account(fresh=True))
async def begin_app(request: Request, tx: TenantTx, app_name: Typed = "") -> Response:
    """Begin to set up an app."""
    who = await accounts.profile(tx, me(tx))
    try:
        made = await ways_in.totp.begin_app(tx, who.user_id, app_name, who.email)
    except Problem as problem:
        return await _page(request, tx, new="app", problem=problem)
    return RedirectResponse(f"{SECURITY}/apps/{made.id}", 303)


@router.get(f"{SECURITY}/apps/{{factor_id}}", access=own_account(fresh=True))
async def show_app(request: Request, tx: TenantTx, factor_id: UUID) -> Response:
    """The picture to scan, until the first code is typed. Raises FactorNotFound."""
    return await _app_page(request, tx, me(tx), factor_id)


@router.post(f"{SECURITY}/apps/{{factor_id}}", access=own_account(fresh=True))
async def confirm_app(request: Request, tx: TenantTx, factor_id: UUID, code: Typed = "") -> Response:
    """Put an app to use with its first code, and show recovery codes if there are none. Raises FactorNotFound."""
    user_id = me(tx)
    outcome = await ways_in.totp.confirm_app(tx, user_id, factor_id, code)
    if isinstance(outcome, Problem):
        return await _app_page(request, tx, user_id, factor_id, outcome)
    reply = await _page(request, tx, codes=outcome) if outcome else RedirectResponse(SECURITY, 303)
    return await _stronger(request, tx, "totp", reply)


@router.post(f"{SECURITY}/recovery-codes", access=own_account(fresh=True))
async def renew_codes(request: Request, tx: TenantTx) -> Response:
    """Ten new recovery codes, in this reply and nowhere else; older ones stop working."""
    codes = await ways_in.totp.renew_recovery_codes(tx, me(tx))
    return await _page(request, tx, codes=codes)


@router.post(f"{SECURITY}/factors/{{factor_id}}/name", access=own_account(fresh=True))
async def rename_factor(request: Request, tx: TenantTx, factor_id: UUID, name: Typed = "") -> Response:
    """Call a passkey or an app something else. Raises FactorNotFound."""
    user_id = me(tx)
    try:
        await ways_in.factors.rename(tx, user_id, factor_id, name)
    except Problem as problem:
        return await _page(request, tx, rename=factor_id, problem=problem)
    return RedirectResponse(SECURITY, 303)


@router.post(f"{SECURITY}/factors/{{factor_id}}/remove", access=own_account(fresh=True))
async def remove_factor(request: Request, tx: TenantTx, factor_id: UUID) -> Response:
    """Take a passkey or an app away. Raises FactorNotFound."""
    user_id = me(tx)
    try:
        await ways_in.factors.remove(tx, user_id, factor_id)
    except Problem as problem:
        return await _page(request, tx, problem=problem)
    return RedirectResponse(SECURITY, 303)


@router.post(f"{SECURITY}/providers/{{identity_id}}/unlink", access=own_account(fresh=True))
async def unlink(request: Request, tx: TenantTx, identity_id: UUID) -> Response:
    """Unlink a provider. Raises FactorNotFound."""
    who = await accounts.profile(tx, me(tx))
    only_way = await ways_in.domains.provider_of(services(request).db, who.email)
    try:
        await ways_in.providers.unlink(tx, who.user_id, identity_id, only_way)
    except Problem as problem:
        return await _page(request, tx, problem=problem)
    return RedirectResponse(SECURITY, 303)


async def _page(request: Request, tx: Tx, *, problem: Problem | None = None, **context: object) -> Response:
    found = await session_of(request)
    own = await ways_in.factors.overview(tx, found.user_id)
    providers = services(request).get(ways_in.Providers)
    listed = [*own.passkeys, *own.apps]
    asked: dict[str, object] = {"new": "", "codes": None, "next": "", **context}
    shown: dict[str, object] = {
        "own": own,
        "providers": providers,
        "linkable": [p for p in providers.all() if p.name not in {each.provider for each in own.identities}],
        "barred": tx.access is not None and not tx.access.permissions,
        "fresh": tx.access is not None and tx.access.is_fresh,
        "by_name": None if has_name(request) else named_address(request, SECURITY),
        "may_rule": tx.access is not None and tx.access.may("tenant.write"),
        "problem": problem,
        "to_rename": asked_about(listed, asked.pop("rename", None)),
        "to_remove": asked_about(listed, asked.pop("remove", None)),
        **asked,
        "next": onward(str(asked["next"])),
    }
    return await _private(request, tx, "dashboard/account/security.html", problem, shown)


async def _stronger(request: Request, tx: Tx, method: str, reply: Response) -> Response:
    """The reply, with the new token of a session whose holder has proven one factor more."""
    found = await session_of(request)
    keep_session(request, reply, await sessions.strengthen(tx, found.user_id, found.session_id, method))
    return reply


async def _app_page(
    request: Request, tx: Tx, user_id: UUID, factor_id: UUID, problem: Problem | None = None
) -> Response:
    who = await accounts.profile(tx, user_id)
    made = await ways_in.totp.app_being_added(tx, user_id, factor_id, who.email)
    barred = tx.access is not None and not tx.access.permissions
    shown = {"made": made, "picture": qr_code(made.address), "problem": problem, "barred": barred}
    return await _private(request, tx, "dashboard/account/app.html", problem, shown)


async def _private(
    request: Request, tx: Tx, template: str, problem: Problem | None, shown: Mapping[str, Any]
) -> Response:
    if problem is not None and not wants_page(request):
        raise problem
    status = problem.status if problem else 200
    beside = await promise_beside(request) if shown["barred"] else None
    reply = await workspace_page(
        request, tx, template, active="account", status_code=status, promise=beside, **shown
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply


@dataclass(frozen=True, slots=True)
class Picture:
    """A QR code (ISO/IEC 18004): its width in modules with the quiet zone, and the path of its dark ones."""

    width: int
    path: str


def qr_code(text: str) -> Picture:
    """The QR code of a text, to be drawn without any style of its own."""
    matrix = segno.make(text, error="m", micro=False).matrix
    runs = [
        f"M{x + 4} {y + 4}h{length}v1h-{length}z"
        for y, row in enumerate(matrix)
        for x, length in dark_runs(row)
    ]
    return Picture(len(matrix) + 8, "".join(runs))


def dark_runs(row: bytearray) -> Iterator[tuple[int, int]]:
    """Place and length of each run of dark modules."""
    place = 0
    for is_dark, run in groupby(row):
        length = len(list(run))
        if is_dark:
            yield place, length
        place += length


def asked_about(listed: list[ways_in.factors.Factor], wanted: object) -> ways_in.factors.Factor | None:
    """The one of these that is asked about, if it is there."""
    return next((each for each in listed if each.id == wanted), None)
