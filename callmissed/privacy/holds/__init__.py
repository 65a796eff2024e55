"""Legal holds: who may freeze what, on whose order, for how long, and which two people may let it go again.

What a hold does stands in the database (`foundation/holds.py`): what it freezes is not removed, and an erasure waits for it.
"""

from callmissed.foundation.holds import LegalHold
from callmissed.privacy.holds.problems import (
    HoldHasNoAuthority,
    HoldHasNoReference,
    HoldHasNoScope,
    HoldNotFound,
    HoldOver,
    HoldPersonUnusable,
    HoldReasonUnknown,
    HoldSecondPerson,
    HoldSpanUnusable,
    HoldTableUnknown,
    HoldTermUnusable,
    HoldWorkspaceUnknown,
)
from callmissed.privacy.holds.service import (
    AUTHORITIES,
    REASONS,
    WantedHold,
    ask_release,
    is_in_force,
    listed,
    place,
    release,
    renew,
    tables,
)

__all__ = [
    "AUTHORITIES",
    "REASONS",
    "HoldHasNoAuthority",
    "HoldHasNoReference",
    "HoldHasNoScope",
    "HoldNotFound",
    "HoldOver",
    "HoldPersonUnusable",
    "HoldReasonUnknown",
    "HoldSecondPerson",
    "HoldSpanUnusable",
    "HoldTableUnknown",
    "HoldTermUnusable",
    "HoldWorkspaceUnknown",
    "LegalHold",
    "WantedHold",
    "ask_release",
    "is_in_force",
    "listed",
    "place",
    "release",
    "renew",
    "tables",
]
