"""A new e-mail address: proven by a code sent to it, told to the old one, and taken back by one link for seven days."""

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import NotFound, Problem
from callmissed.identity.contact_points import read_email
from callmissed.identity.models import ProofCode, UserAccount
from callmissed.identity.problems import AddressLeft, EmailTaken
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import security
from callmissed.identity.service import alerts, proofs, sessions
from callmissed.identity.service.accounts import EMAIL_INDEX, RETENTION_CLASS, platform
from callmissed.identity.service.sessions import Current


async def ask(tx: Tx, who: Current, typed: str) -> None:
    """Send a code to the new address, and a notice to the old one. Raises EmailUnusable and TooManyCodes."""
    email = read_email(typed)
    row = await proofs.send_code(tx, who, "email", email.address)
    box = await platform(tx).person(who.user_id, RETENTION_CLASS)
    row.address = box.seal(ProofCode.address, row.id, email.address)
    row.email_index = tx.vault.platform_index(EMAIL_INDEX, email.lookup)
    leaf = await audit.record(tx, "identity:email:asked", subject=who.user_id, target=who.user_id, body={})
    await alerts.tell(tx, who.user_id, "email_changing", leaf=leaf, tenant_id=who.tenant_id)


async def confirm(tx: Tx, who: Current, typed_code: str) -> str | Problem:
    """Take the new address; every other browser is signed out. Returns this one's new token, or what is wrong."""
    outcome = await proofs.redeem(tx, who, "email", typed_code)
    if isinstance(outcome, Problem):
        return outcome
    account = await accounts_sql.account(tx, who.user_id, for_update=True)
    if account is None or outcome.address is None or outcome.email_index is None:
        raise NotFound
    taken = await accounts_sql.account_under(tx, outcome.email_index)
    if taken is not None and taken.id != account.id:
        return EmailTaken()
    since = clock.now() - alerts.LINK_WORKS
    if await security.is_left_lately(tx, outcome.email_index, since, but=account.id):
        return AddressLeft()
    old = await platform(tx).open(UserAccount.email, account.id, account.id, account.email)
    new = await platform(tx).open(ProofCode.address, outcome.id, account.id, outcome.address)
    box = await platform(tx).person(account.id, RETENTION_CLASS)
    outcome.previous, outcome.previous_index = account.email, account.email_index
    account.email, account.email_index = box.seal(UserAccount.email, account.id, new), outcome.email_index
    await tx.session.flush()
    leaf = await audit.record(tx, "identity:email:changed", subject=account.id, target=account.id, body={})
    await alerts.tell(tx, account.id, "email_changed", leaf=leaf, tenant_id=who.tenant_id, address=old)
    await sessions.end_sessions(tx, account.id, but=who.session_id)
    return await sessions.renew(tx, account.id, who.session_id)
