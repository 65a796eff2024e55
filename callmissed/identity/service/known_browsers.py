"""Known browsers: one that has been signed in to an account is counted against guessing by itself.

Whoever guesses at somebody's address closes it for strangers, not for the browsers its holder uses, and a crowd behind one
network address does not close it for them either (OWASP, "Slow down online guessing attacks with device cookies"). All known
browsers of an address together have a limit of their own, so that whoever once was its holder gains next to nothing.
"""

import hmac
import secrets
from datetime import timedelta

from callmissed.foundation import clock
from callmissed.foundation.database import Tx

REMEMBERED = timedelta(days=90)
HASH = "known_browser"
LENGTH = 40
"""Characters before the signature."""


def cookie_name(*, production: bool) -> str:
    """The cookie of a browser that has been signed in here before."""
    return "__Host-cm_known" if production else "cm_known"


def mark(tx: Tx, email_index: bytes) -> str:
    """What a browser holds once it is signed in: when that was, randomness, and a signature for this e-mail address alone."""
    browser = f"{int(clock.now().timestamp()):08x}{secrets.token_hex(16)}"
    return browser + _signature(tx, email_index, browser)


def counted_as(tx: Tx, email_index: bytes, held: str) -> bytes | None:
    """Under what a browser that holds this is counted; None when it is a stranger to this address, or has been away too long."""
    browser, signature = held[:LENGTH], held[LENGTH:]
    if not hmac.compare_digest(_signature(tx, email_index, browser).encode(), signature.encode()):
        return None
    if int(browser[:8], 16) + REMEMBERED.total_seconds() <= clock.now().timestamp():
        return None
    return tx.vault.platform_index("sign_in.browser", browser)


def _signature(tx: Tx, email_index: bytes, browser: str) -> str:
    return tx.vault.keyed_hash(HASH, f"{email_index.hex()}:{browser}").hex()
