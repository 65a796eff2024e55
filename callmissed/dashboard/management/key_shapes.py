"""The shapes of API keys in the management API."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from callmissed.dashboard.management.shapes import Line, Lines, Permissions, Shape


class Key(Shape):
    """An API key, without its secret. Limits that are null and lists that are empty narrow nothing."""

    id: UUID
    name: str
    shown: str
    permissions: list[str]
    scopes: list[str]
    state: str
    requests_per_minute: int | None
    tokens_per_minute: int | None
    monthly_budget_micro: int | None
    end_user_budget_micro: int | None
    models: list[str]
    origins: list[str]
    networks: list[str]
    options: list[str] = Field(description="What is done besides with its requests.")
    log_days: int
    bot_id: UUID | None = Field(
        description="The bot whose knowledge its answers rest on, where a request names none."
    )
    service_account: str | None = Field(
        description="The service account that owns it; null: whoever made it."
    )
    rotated_at: datetime | None
    old_secrets_work_until: datetime | None = Field(
        description="After a rotation: when its former secrets end."
    )
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    secret: str | None = Field(
        default=None,
        description="In the reply that made it, once; a replay under the same key has it no more.",
    )


class KeyDraft(Shape):
    """What is decided about a key: what it may do, and what narrows it."""

    name: Line
    permissions: Permissions = Field(default_factory=lambda: ["llm"])
    scopes: Permissions = Field(
        default_factory=list[str], description="What it may do under /api/v1: none unless named."
    )
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    monthly_budget_micro: int | None = None
    end_user_budget_micro: int | None = Field(
        None,
        description="The most that may be spent in a month for each end user: whoever the header x-end-user names, or the "
        "member safety_identifier, user or metadata.user_id. Calls that name nobody count together.",
    )
    models: Lines = Field(default_factory=list[str])
    origins: Lines = Field(default_factory=list[str])
    networks: Lines = Field(default_factory=list[str])
    options: Permissions = Field(
        default_factory=list[str],
        description="What is done besides with its requests, off unless named. masking: what names a person or firm in "
        "India becomes a placeholder before any supplier sees it, and stands in the answer again. prompt_log: what is asked and "
        "answered is kept, sealed, for log_days. cache: the same request, not streamed, gets the same answer for an hour, free. "
        "compression: the middle of what is too long for the model is left out. repair: an answer that was to be JSON and is not is "
        "made JSON. image_history: pictures that are made are kept, sealed, for 30 days.",
    )
    log_days: int = Field(7, description="1 to 30.")
    bot_id: UUID | None = Field(
        None,
        description="The bot whose knowledge its answers rest on, where a request names none; null: none.",
    )


class NewKey(KeyDraft):
    """A key to be made. `days` null: until it is revoked."""

    days: Annotated[int, Field(ge=1, le=3650)] | None = 90
    service_account_id: UUID | None = None


class Rotation(Shape):
    """How many days a key's old secret works on."""

    overlap_days: Annotated[int, Field(ge=0, le=7)] = 1
