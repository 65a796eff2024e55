"""What billing tells others: balances, ledger lines, usage figures. All money in micro-rupees, all times in UTC."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID


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
class Line:
    """One line of the ledger for a reader: usage by the hour, everything else by itself. `amount_micro` is signed."""

    at: datetime
    kind: str
    amount_micro: int
    balance_micro: int
    requests: int
    ref: UUID | None


@dataclass(frozen=True, slots=True)
class Statement:
    """The ledger as the wallet page shows it: newest line first, and whether the balance is the sum of all entries."""

    purse: Purse
    lines: tuple[Line, ...]
    entries: int
    sum_micro: int
    spent_30_days_micro: int
    days: tuple[tuple[date, int], ...]

    @property
    def adds_up(self) -> bool:
        """Whether the balance equals the sum of the entries."""
        return self.sum_micro == self.purse.balance_micro


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which usage to look at: a span of time, and optionally one model, key or status."""

    since: datetime
    until: datetime
    model: str | None = None
    key_id: UUID | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class UsageFigures:
    """Usage of a span: money, counts, and the 95th percentile of the time to the first token in milliseconds."""

    spent_micro: int
    spent_before_micro: int
    requests: int
    failed: int
    first_token_p95_ms: int | None
    ours_p95_ms: int | None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Figures, cost per day and model (India's days), the latest requests, and what can be filtered by."""

    figures: UsageFigures
    by_day: tuple[tuple[date, str, int], ...]
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


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Requests against entries, balances against sums. Everything that begins with `wrong_` must be 0."""

    figures: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def adds_up(self) -> bool:
        """Whether nothing is wrong."""
        return not any(value for name, value in self.figures.items() if name.startswith("wrong_"))
