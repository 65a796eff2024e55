"""The documents of the management API: what goes in and what comes out. Money in micro-rupees, times in UTC."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL stores no NUL."""

Line = Annotated[str, StringConstraints(max_length=254, pattern=NO_NUL)]
Words = Annotated[str, StringConstraints(max_length=4_000, pattern=NO_NUL)]
LongText = Annotated[str, StringConstraints(max_length=200_000, pattern=NO_NUL)]
Lines = Annotated[list[Line], Field(max_length=50)]
Permissions = Annotated[list[Annotated[str, StringConstraints(max_length=40)]], Field(max_length=60)]


class Shape(BaseModel):
    """What all of them have: nothing that is not named."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Me(Shape):
    """Who calls, where, and what they may do."""

    tenant_id: UUID
    workspace: str
    plan: str
    caller: str = Field(description="user or key")
    caller_id: UUID | None
    permissions: list[str]


class Member(Shape):
    """Somebody who works in the workspace. `role` is one of ours, or the id of one the workspace made."""

    id: UUID
    name: str
    email: str
    role: str
    role_name: str = Field(description="What the workspace calls a role it made; empty for ours.")
    since: datetime


class RoleChange(Shape):
    """Another role for a member."""

    role: Line


class Invitation(Shape):
    """An open invitation. It works for seven days, once, for its address alone."""

    id: UUID
    email: str
    role: str
    role_name: str
    invited_by: str
    sent_at: datetime
    expires_at: datetime
    has_expired: bool


class NewInvitation(Shape):
    """Who is to be asked in, and as what."""

    email: Line
    role: Line = "teammate"


class Role(Shape):
    """A role and what it allows. `id` gives it."""

    id: str
    name: str
    permissions: list[str]
    made_here: bool


class NewRole(Shape):
    """A role that the workspace makes."""

    name: Line
    permissions: Permissions


class Workspace(Shape):
    """The workspace: its name, the short name in addresses, the plan and its seats (null: no limit)."""

    name: str
    slug: str
    plan: str
    seats: int | None


class NewName(Shape):
    """What something is to be called."""

    name: Line


class ServiceAccount(Shape):
    """A member that is no person, with how many working keys it owns."""

    id: UUID
    name: str
    keys: int
    created_at: datetime


class StaffAccess(Shape):
    """A request of the operator's staff to look, and what came of it. `reads` counts the rows they read."""

    id: UUID
    kind: str
    state: str
    handle: str
    role: str
    reason: str
    scope: str
    target_id: UUID | None
    minutes: int
    reads: int
    asked_at: datetime
    opened_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    acknowledged_at: datetime | None


class Bot(Shape):
    """A bot: how it greets and what it answers from."""

    id: UUID
    name: str
    greeting: str
    tagline: str
    model: str
    instructions: str
    languages: list[str]
    allowed_origins: list[str]
    sources: list[UUID]
    on: bool
    widget_id: str
    created_at: datetime


class BotDraft(Shape):
    """What is decided about a bot."""

    name: Line
    greeting: Words
    tagline: Line = ""
    model: Line = "local/extractive"
    instructions: Words = ""
    sources: Annotated[list[UUID], Field(max_length=200)] = Field(default_factory=list[UUID])
    languages: Annotated[list[Line], Field(max_length=30)] = Field(default_factory=lambda: ["en", "hi"])
    allowed_origins: Annotated[list[Line], Field(max_length=50)] = Field(default_factory=list[str])
    on: bool = True


class Source(Shape):
    """A knowledge source."""

    id: UUID
    title: str
    kind: str
    language: str
    state: str
    characters: int
    passages: int
    created_at: datetime


class NewSource(Shape):
    """A text that bots may answer from."""

    title: Line = ""
    text: LongText


class Conversation(Shape):
    """A conversation, without what was said."""

    id: UUID
    contact_id: UUID
    bot_id: UUID
    channel: str
    state: str
    assigned_to: UUID | None
    unread: int
    last_message_at: datetime


class Message(Shape):
    """One thing said, or one thing that happened: then `event` says what, and `text` is empty."""

    id: UUID
    ordinal: int
    author: str
    author_id: UUID | None
    text: str
    language: str | None
    event: str | None
    price_micro: int
    at: datetime


class Reply(Shape):
    """What a teammate, or a program in their place, says."""

    text: Words


class Contact(Shape):
    """A customer of the workspace. `name` is null for somebody who gave none."""

    id: UUID
    name: str | None
    number: str
    language: str
    first_seen: datetime
    kinds: list[str]


class DayOfUsage(Shape):
    """What one model cost on one day of India."""

    day: date
    model: str
    amount_micro: int


class UsageSummary(Shape):
    """Usage of a period [since, until): totals, and cost by day and model."""

    since: date
    until: date
    spent_micro: int
    requests: int
    failed: int
    first_token_p95_ms: int | None
    by_day: list[DayOfUsage]


class UsageRecord(Shape):
    """One request: figures about it, never what was asked or answered. `admit_us` and `reserve_us` are what we added, in microseconds.

    Prices are in micro-rupees for 10 lakh tokens, for an hour heard, or for 10,000 characters spoken;
    `tried` names the upstreams that had it before, each as name@region.
    """

    id: UUID
    at: datetime
    endpoint: str
    model: str
    upstream: str
    region: str
    tried: str | None
    india_only: bool
    own_key: bool = Field(description="Whether it ran on the workspace's own account there.")
    status: str = Field(description="ok, cancelled or failed")
    http_status: int
    problem: str | None
    streamed: bool
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
    key_id: UUID | None
    bot_id: UUID | None
    conversation_id: UUID | None
    unit: str | None = Field(description="what was sold, where it was not tokens: second, character")
    units: int | None
    options: str | None = Field(
        description="What was done besides because it, or its key, asks for it: masked=2 for two identifiers masked, grounded=3 for "
        "three passages of knowledge, dropped=4 for four messages left out, json=repaired or json=failed; cached for an answer of the "
        "response cache."
    )


class PromptContent(Shape):
    """What a request asked, and what it was answered: kept because its key is switched to `prompt_log`."""

    usage_id: UUID
    path: str
    asked: Any = Field(description="The body of the request; text where it is no JSON.")
    answered: Any = Field(description="The answer; of a stream its words, as far as they were delivered.")
    is_cut: bool = Field(description="Whether either was too long to be kept whole.")
    kept_until: datetime


class Wallet(Shape):
    """What the wallet holds, and what of it is promised to requests under way."""

    balance_micro: int
    held_micro: int
    available_micro: int


class MonthBudget(Shape):
    """The most the workspace spends in a month of the Indian calendar; null: what the wallet holds. `used_micro` is spent or held."""

    monthly_micro: int | None
    used_micro: int | None
    left_micro: int | None


class NewMonthBudget(Shape):
    """Another budget, from ₹1 to ₹1 crore; null lifts it."""

    monthly_micro: Annotated[int, Field(ge=1_000_000, le=10_000_000_000_000)] | None


class EndUserSpending(Shape):
    """What was spent in this month for one end user, and is held for requests under way. Only keys that limit it count."""

    month_on: date
    spent_micro: int
    held_micro: int


class Event(Shape):
    """A line of the audit log."""

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    action: str
    what: str
    target_id: UUID | None
    body: dict[str, Any]


class ProblemDocument(Shape):
    """What went wrong (RFC 9457). `code` is stable; `request_id` is what to tell support."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    details: dict[str, Any] = Field(default_factory=dict[str, Any])
