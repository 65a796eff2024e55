"""What billing tells others: balances, ledger lines, usage figures. All money in micro-rupees, all times in UTC."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from callmissed.billing.units import Unit

Only = Literal["credit", "usage"]
"""What a reader of the ledger may narrow it to."""

Step = Literal["hour", "day"]
"""How finely costs are told."""

By = Literal["model", "key"]
"""What costs are told apart by."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What a wallet holds: `balance_micro` by the ledger, of which `held_micro` is promised to requests under way."""

    balance_micro: int = 0
    held_micro: int = 0

    @property
    def available_micro(self) -> int:
        """What can still be spent."""
        return self.balance_micro - self.held_micro


@dataclass(frozen=True, slots=True)
class KeySpending:
    """What a key has spent in a month, and what it holds for requests under way."""

    spent_micro: int
    held_micro: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger for a reader: usage by the hour of the Indian clock, everything else by itself.

    `amount_micro` is signed; `balance_micro` is what it left in the wallet. `ref` is None for usage.
    """

    began: datetime
    ended: datetime
    kind: str
    amount_micro: int
    balance_micro: int
    requests: int
    ref: UUID | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the ledger as the wallet sees it: `amount_micro` is signed."""

    at: datetime
    id: UUID
    kind: str
    ref: UUID
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Day:
    """By how much a wallet changed on a day in India, and what of that was spent."""

    on: date
    change_micro: int
    spent_micro: int


@dataclass(frozen=True, slots=True)
class MonthBudget:
    """The most a workspace spends in a month of the Indian calendar, and what it has spent and holds in this one; micro-rupees."""

    micro: int
    used_micro: int

    @property
    def left_micro(self) -> int:
        """What of it is left."""
        return max(0, self.micro - self.used_micro)


@dataclass(frozen=True, slots=True)
class Statement:
    """The ledger as the wallet page shows it: newest line first, and whether the balance is the sum of all entries."""

    purse: Purse
    lines: tuple[Line, ...]
    entries: int
    sum_micro: int
    days: tuple[Day, ...]

    @property
    def adds_up(self) -> bool:
        """Whether the balance equals the sum of the entries."""
        return self.sum_micro == self.purse.balance_micro


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which usage to look at: a span of time, and optionally one model, key or status, only what took longer than so many
    milliseconds, or only what left India.
    """

    since: datetime
    until: datetime
    model: str | None = None
    key_id: UUID | None = None
    status: str | None = None
    slower_ms: int | None = None
    abroad: bool = False


@dataclass(frozen=True, slots=True)
class UsageFigures:
    """Usage of a span, and what the same choice cost in the span before.

    The times are 95th percentiles: until the first token, and of it what we add for key, limits and wallet.
    """

    spent_micro: int
    spent_before_micro: int
    requests: int
    failed: int
    first_token_p95_ms: int | None
    ours_p95_us: int | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost in the hour or day (of the Indian clock) that began then.

    `name` is the model; where costs are told by key, the id of the key, else of the bot, else what was asked for.
    """

    began: datetime
    name: str
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one model, or one key, had of a span. `name` is as in `Cost`."""

    name: str
    requests: int
    failed: int
    tokens_in: int
    tokens_out: int
    amount_micro: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Figures, cost per hour or day, whose share it was (dearest first), the latest requests, and what can be filtered by."""

    figures: UsageFigures
    costs: tuple[Cost, ...]
    shares: tuple[Share, ...]
    rows: tuple["Used", ...]
    models: tuple[str, ...] = ()
    keys: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Used:
    """One usage record, as it is shown."""

    id: UUID
    at: datetime
    endpoint: str
    model: str
    upstream: str
    region: str
    tokens_in: int
    tokens_out: int
    counted_by: str
    admit_us: int
    reserve_us: int
    first_token_ms: int | None
    latency_ms: int
    price_in_micro: int
    price_out_micro: int
    price_micro: int
    status: str
    http_status: int
    problem: str | None
    streamed: bool
    key_id: UUID | None
    bot_id: UUID | None
    conversation_id: UUID | None
    tried: str | None
    india_only: bool
    unit: Unit | None
    units: int | None
    options: str | None
    own_key: bool

    @property
    def done_besides(self) -> tuple[tuple[str, str], ...]:
        """What was done besides, each with its figure: ("masked", "2")."""
        words = (each.partition("=") for each in (self.options or "").split())
        return tuple((name, figure) for name, _, figure in words)

    @property
    def abroad(self) -> tuple[tuple[str, str], ...]:
        """(upstream, region) of everyone outside India who had the request, in the order they were asked."""
        before = [tuple(each.split("@", 1)) for each in (self.tried or "").split()]
        asked = [(name, region) for name, region in before] + [(self.upstream, self.region)]
        return tuple(dict.fromkeys(each for each in asked if each[1].split()[:1] != ["IN"]))


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Requests against entries, balances against sums. Everything that begins with `wrong_` must be 0."""

    figures: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def adds_up(self) -> bool:
        """Whether nothing is wrong."""
        return not any(value for name, value in self.figures.items() if name.startswith("wrong_"))
