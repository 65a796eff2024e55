"""Where this installation may connect to, and where it did (Policy §1, §4).

Whatever reads the settings of a destination declares it; whatever opens a connection asks first, and a destination that nobody
declared is refused. What was contacted is kept by the day, so that a check can hold one against the other.
"""

from callmissed.foundation.egress.models import KEPT_DAYS, EgressContact, EgressDestination
from callmissed.foundation.egress.register import (
    PORTS,
    REGISTER,
    RESOLVER,
    Destination,
    Register,
    UnknownDestination,
)
from callmissed.foundation.egress.writer import EgressLog

__all__ = [
    "KEPT_DAYS",
    "PORTS",
    "REGISTER",
    "RESOLVER",
    "Destination",
    "EgressContact",
    "EgressDestination",
    "EgressLog",
    "Register",
    "UnknownDestination",
]
