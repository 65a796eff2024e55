"""What the public pages need to know, and who tells them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

from callmissed.foundation.money import Micro

Verdict = Literal["kept", "broken", "unknown"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many promises have which verdict now."""

    kept: int
    broken: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a result stands in the audit log, and the signed checkpoint over it (None until the next one is signed).

    `provable`: `PublicRecord.proof` can deliver the parts, so a reader can verify it in the browser.
    """

    leaf: str
    checkpoint: int | None
    signed_at: datetime | None
    provable: bool = False


@dataclass(frozen=True, slots=True)
class Promised:
    """One promise with the result of its last check.

    `headline` is one short line with the figure that decides. It and `explanation` are English sources of translation;
    `%(name)s` in them is the figure of that name.
    """

    id: str
    clause: str
    sentence: str
    verdict: Verdict
    headline: str
    checked_at: datetime | None
    looked_at: str
    query: str | None
    found: Sequence[dict[str, Any]]
    explanation: str
    audit: Leaf | None
    seen_failing: str | None
    history: Sequence[tuple[date, Verdict]]
    figures: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the published policy."""

    number: int
    title: str
    promises: Sequence[Promised]


@dataclass(frozen=True, slots=True)
class Collected:
    """One line of the list of what is held, read from the data map."""

    category: str
    data: str
    purposes: Sequence[str]
    ground: str
    kept: str


@dataclass(frozen=True, slots=True)
class Entity:
    """The registered company (Policy §13)."""

    name: str
    address: str
    cin: str
    gstin: str


@dataclass(frozen=True, slots=True)
class Officer:
    """The Grievance Officer (Policy §14)."""

    name: str
    email: str
    address: str


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A version of the policy: what it changes, in the language being spoken, and from when it applies (None: not yet set)."""

    number: int
    published_on: date
    effective_on: date | None
    how: str
    changes: Sequence[str]
    summary: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy as it stands now, with every verdict; `coming` is the version that people are being told of."""

    version: str
    effective_on: date
    updated_on: date
    counts: Counts
    checked_at: datetime | None
    sections: Sequence[Section]
    collected: Sequence[Collected]
    entity: Entity
    grievance_officer: Officer
    coming: PolicyChange | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """A line of the price list: `price` in micro-rupees without GST, for one `unit`."""

    name: str
    unit: str
    price: Micro


@dataclass(frozen=True, slots=True)
class Offer:
    """What the home page says about money: chosen prices, and what a new wallet starts with (0: nothing)."""

    prices: Sequence[Price] = field(default_factory=tuple)
    free: Micro = field(default=Micro(0))


class PublicRecord(Protocol):
    """Tells the public pages the truth of the moment. Offered by the wiring as `Services.get(PublicRecord)`."""

    async def versions(self) -> list[PolicyChange]:
        """Every version of the policy, newest first."""
        ...

    async def policy(self) -> Policy:
        """The policy with the verdict of every promise."""
        ...

    async def proof(self, promise: str) -> dict[str, Any] | None:
        """The parts a browser verifies the promise's last leaf from, or None when it has no place in the log yet.

        `record` (what was hashed), `tenant`, `sequence`, `position`, `proof` (hex hashes, leaf upwards), `note` (the
        signed checkpoint) and `public_key` (verifier key); as in an export of the audit log.
        """
        ...

    async def offer(self) -> Offer:
        """Prices for the home page."""
        ...
