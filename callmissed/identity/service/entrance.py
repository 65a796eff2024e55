"""Coming in: what was proven becomes a session, or is not enough yet and a second step is asked."""

from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation import clock, directory
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Problem, Unauthenticated
from callmissed.identity import repository
from callmissed.identity.factor_problems import AppCodeWrong, CeremonyOver, RecoveryCodeWrong
from callmissed.identity.methods import Method, is_strong
from callmissed.identity.problems import SignInLocked
from callmissed.identity.repository import passkeys, team, totp
from callmissed.identity.service import ceremonies, known_browsers, linking, sessions, tries
from callmissed.identity.service.totp import check_app_code, check_recovery_code


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person is signed in: the new session's token, and the workspace they come into, None before they have one.

    `known` is the mark by which this browser is no stranger to their address from now on.
    """

    token: str
    user_id: UUID
    tenant_id: UUID | None
    known: str


@dataclass(frozen=True, slots=True)
class SecondStep:
    """The first step is done, a second one is needed: what the browser must hold while it is asked."""

    browser: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the second step can be done with."""

    app: bool
    passkey: bool
    recovery: int


async def enter(
    tx: Tx,
    user_id: UUID,
    methods: tuple[Method, ...],
    user_agent: str,
    network: str,
    *,
    link: linking.Link | None = None,
) -> SignedIn | SecondStep:
    """Let a person in who proved so much, or ask for the second step; `link` waits until they are in. Raises AccountLocked."""
    if not is_strong(methods) and await needs_second(tx, user_id):
        browser = ceremonies.new_browser()
        asked = ceremonies.Asked(user_id, methods, link=link)
        await ceremonies.begin(tx, "second", browser, asked, valid=ceremonies.AWAY)
        return SecondStep(browser)
    return await _let_in(tx, user_id, methods, user_agent, network, link)


async def wanted(tx: Tx, browser: str) -> Wanted | None:
    """What the second step can be done with; None when this browser is not asked for one."""
    asked = await ceremonies.waiting(tx, "second", browser)
    if asked is None or asked.user_id is None:
        return None
    return Wanted(
        bool(await totp.apps_of(tx, asked.user_id)),
        bool(await passkeys.count_of(tx, asked.user_id)),
        await totp.recovery_left(tx, asked.user_id),
    )


async def second_step(
    tx: Tx, browser: str, typed: str, network: str, user_agent: str, *, recovery: bool = False
) -> SignedIn | Problem:
    """Finish with a code of an app, or with a recovery code.

    Returns the reason it failed: CeremonyOver, AppCodeWrong, AppCodeUsed, AppClockOff, RecoveryCodeWrong or SignInLocked.
    Raises AccountLocked.
    """
    asked = await ceremonies.waiting(tx, "second", browser)
    if asked is None or asked.user_id is None:
        return CeremonyOver()
    failed = await check_second(tx, asked.user_id, typed, recovery=recovery)
    return failed or await _finish(tx, browser, "recovery" if recovery else "totp", user_agent, network)


async def check_second(tx: Tx, user_id: UUID, typed: str, *, recovery: bool = False) -> Problem | None:
    """Whether this is a code of one of the person's apps, or one of their recovery codes; wrong ones are counted.

    Returns AppCodeWrong, AppCodeUsed, AppClockOff, RecoveryCodeWrong, CodeIncomplete or SignInLocked.
    """
    subject, now = tx.vault.platform_index("second.user", str(user_id)), clock.now()
    try:
        counter = await tries.open_counter(tx, "second:user", subject, now, SignInLocked)
    except SignInLocked as locked:
        return locked
    check = check_recovery_code if recovery else check_app_code
    failed = await check(tx, user_id, typed)
    if isinstance(failed, AppCodeWrong | RecoveryCodeWrong):
        return await tries.wrong(tx, (counter,), now, type(failed))
    if failed is None:
        tries.forgive(counter)
    return failed


async def second_by_passkey(
    tx: Tx, browser: str, user_id: UUID, user_agent: str, network: str
) -> SignedIn | None:
    """Finish with a passkey of the person who is asked; None when nobody, or somebody else, is asked. Raises AccountLocked."""
    asked = await ceremonies.waiting(tx, "second", browser)
    if asked is None or asked.user_id != user_id:
        return None
    done = await _finish(tx, browser, "passkey", user_agent, network)
    return done if isinstance(done, SignedIn) else None


async def _finish(tx: Tx, browser: str, method: Method, user_agent: str, network: str) -> SignedIn | Problem:
    asked = await ceremonies.close(tx, "second", browser)
    if asked is None or asked.user_id is None:
        return CeremonyOver()
    proven = (*(each for each in asked.methods if each != method), method)
    return await _let_in(tx, asked.user_id, proven, user_agent, network, asked.link)


async def _let_in(
    tx: Tx,
    user_id: UUID,
    methods: tuple[str, ...],
    user_agent: str,
    network: str,
    link: linking.Link | None,
) -> SignedIn:
    works_in = await directory.find(tx, sessions.WORKS_IN, str(user_id))
    tenant_id = works_in.tenant_id if works_in else None
    token = await sessions.open_session(tx, user_id, tenant_id, user_agent, network, methods=methods)
    account = await repository.account(tx, user_id)
    if account is None:
        raise Unauthenticated
    if link is not None and account.locked_at is None and account.deactivated_at is None:
        await linking.complete(tx, user_id, link)
    return SignedIn(token, user_id, tenant_id, known_browsers.mark(tx, account.email_index))


async def needs_second(tx: Tx, user_id: UUID) -> bool:
    """Whether this person has to prove a second factor: they set up an app, or have a passkey and a workspace that asks."""
    if await totp.apps_of(tx, user_id):
        return True
    return bool(await passkeys.count_of(tx, user_id)) and await asked_anywhere(tx, user_id)


async def asked_anywhere(tx: Tx, user_id: UUID) -> bool:
    """Whether any workspace of this person asks for more: through one that does not, nobody comes into one that does."""
    entries = await directory.find_all(tx, sessions.WORKS_IN, str(user_id))
    places = await team.tenants(tx, [entry.tenant_id for entry in entries])
    return any(place.requires_second_factor for place in places)


async def asks_for_more(tx: Tx, tenant_id: UUID | None) -> bool:
    """Whether this workspace wants a passkey or a second step of its members."""
    row = await repository.tenant(tx, tenant_id) if tenant_id else None
    return row is not None and row.requires_second_factor
