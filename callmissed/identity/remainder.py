"""What law makes us keep of a registration after the account is erased: what this room hands over, and to whom.

The privacy room seals it so that neither this program nor anybody who runs it can read it (`privacy/sealed`). Here it is a
Protocol, because rooms are entered only downwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from callmissed.foundation.database import Tx

Kind = Literal["tenant", "account"]


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody gave when they registered, and nothing else: column name to its value."""

    kind: Kind
    subject_id: UUID
    cancelled_at: datetime
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Remains:
    """What stays of it: under which rows of law, and the day on which it is destroyed."""

    law: tuple[str, ...]
    citation: str
    destroy_on: date


class Remainder(Protocol):
    """Keeps what law makes us keep, out of everybody's reach."""

    def foretell(self, kind: Kind, cancelled_at: datetime) -> Remains | None:
        """What will stay of a registration that was cancelled then; None when no law asks for anything."""
        ...

    async def seal(self, tx: Tx, registration: Registration) -> Remains | None:
        """Seal it, in a control transaction. Repeating it changes nothing. None when no law asks for anything."""
        ...
