"""Identifiers: UUIDv7 (RFC 9562 §5.7), made in the application so that they exist before the row does."""

import os
import threading
from uuid import UUID

from callmissed.foundation import clock

PLATFORM = UUID(int=0)
"""The operator itself, as a pseudo-tenant: the owner of what belongs to account holders rather than to one tenant."""

SET_BACK = 10_000 << 12
"""Up to so much (ten seconds) a clock that goes back is only corrected, and identifiers go on rising."""

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Make an identifier that sorts by the time it was made, strictly rising within this process.

    48 bits of milliseconds, then 12 bits used as a counter inside one millisecond, then 62 random bits. A clock that is set
    back by more than ten seconds is believed (RFC 9562 §6.2): what is made then must not claim to be of the future.
    """
    global _last  # noqa: PLW0603 - the monotonic counter of RFC 9562 §6.2 is state of the process
    with _lock:
        tick = clock.unix_milliseconds() << 12
        if tick > _last - SET_BACK:
            tick = max(tick, _last + 1)
        _last = tick
    milliseconds, counter = tick >> 12, tick & 0xFFF
    value = (
        (milliseconds & ((1 << 48) - 1)) << 80
        | 0x7 << 76
        | counter << 64
        | 0b10 << 62
        | int.from_bytes(os.urandom(8), "big") >> 2
    )
    return UUID(int=value)
