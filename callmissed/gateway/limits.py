"""Rate limits in this process: the generic cell rate algorithm (GCRA; ITU-T I.371), one number per key.

Several processes each allow the whole rate; sharing it is a later adapter's work.
"""

import math
import time
from uuid import UUID

MOST_KEYS = 100_000


class RateLimit:
    """Allows `per_minute` requests evenly, and as many at once after a quiet minute."""

    def __init__(self, per_minute: int) -> None:
        self._interval = 60.0 / per_minute
        self._tolerance = 60.0
        self._due: dict[UUID, float] = {}

    def wait(self, key: UUID) -> int:
        """0 when the request may go on (and is counted), otherwise the whole seconds until one may."""
        now = time.monotonic()
        due = max(self._due.get(key, now), now)
        over = due + self._interval - now - self._tolerance
        if over > 1e-9:
            return max(1, math.ceil(over))
        if len(self._due) >= MOST_KEYS:
            self._due = {each: at for each, at in self._due.items() if at > now}
        self._due[key] = due + self._interval
        return 0
