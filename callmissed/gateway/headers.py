"""What every answer says about itself in its headers: which model, who ran it, where, and what it was instead of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.money import RUPEE
from callmissed.gateway.catalogue import Model
from callmissed.gateway.upstreams import Terms

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer comes from. `before` counts the upstreams that had the request first and did not answer.

    `own`: it was asked on the caller's own account there. `notes` say what the gateway itself did.
    """

    model: Model
    terms: Terms
    usage_id: UUID
    asked_for: str
    before: int = 0
    own: bool = False
    notes: Sequence[tuple[bytes, bytes]] = ()

    @property
    def headers(self) -> Headers:
        """As they are sent. `cm-fallback-for` stands only where another model than the one asked for has answered."""
        said = [
            (b"cm-model", self.model.id.encode()),
            (b"cm-upstream", self.terms.name.encode()),
            (b"cm-processed-in", self.terms.region.encode()),
            (b"cm-usage-id", str(self.usage_id).encode()),
            *self.notes,
        ]
        if self.own:
            said.append((b"cm-own-key", b"true"))
        if self.before:
            said.append((b"cm-attempts", str(self.before + 1).encode()))
        if self.model.id != self.asked_for:
            said.append((b"cm-fallback-for", self.asked_for.encode()))
        if self.model.deprecated_on is not None:
            said += notice(self.model.deprecated_on, self.model.ends_on)
        return said


def cost(price_micro: int) -> tuple[bytes, bytes]:
    """What was taken from the wallet, in rupees."""
    return b"cm-cost-inr", b"%d.%06d" % divmod(price_micro, RUPEE)


def notice(deprecated_on: date, ends_on: date | None) -> Headers:
    """That a model goes: `deprecation` (RFC 9745, Unix seconds) and `sunset` (RFC 8594), of the Indian midnight."""
    said = [(b"deprecation", f"@{int(_midnight(deprecated_on).timestamp())}".encode())]
    if ends_on is not None:
        sunset = format_datetime(_midnight(ends_on).astimezone(UTC), usegmt=True)
        said.append((b"sunset", sunset.encode()))
    return said


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), clock.IST)
