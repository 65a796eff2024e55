"""How fast one visitor may write: the generic cell rate algorithm (ITU-T I.371), in the memory of this process."""

import math
import time
from collections import OrderedDict

from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym

declare_store(
    "web chat pace",
    "memory",
    {
        "key": pseudonym(
            Whose.CONTACT, "visitor's random id, or network address, for the seconds a limit needs it"
        )
    },
    Keep(until="the limit has run out, seconds later", promise="keep.active"),
)


class Pace:
    """Allows `burst` at once and one more every `seconds`. Remembers at most `size` callers, the latest ones."""

    def __init__(self, burst: int, seconds: float, size: int = 20_000) -> None:
        self._interval = seconds
        self._tolerance = seconds * (burst - 1)
        self._size = size
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> int:
        """0 when the caller may go ahead, else the whole seconds to wait; waiting callers are not counted."""
        now = time.monotonic()
        due = max(self._due.get(key, now), now)
        if due - now > self._tolerance:
            return math.ceil(due - now - self._tolerance)
        self._due[key] = due + self._interval
        self._due.move_to_end(key)
        while self._due and (len(self._due) > self._size or next(iter(self._due.values())) < now):
            self._due.popitem(last=False)
        return 0
