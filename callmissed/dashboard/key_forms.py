"""The forms of a key as they are typed: lists one entry a line, money in rupees, empty for no limit."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Form

from callmissed.foundation.money import RUPEE
from callmissed.identity import KeyLimits, keys, typed_limits

Line = Annotated[str, Form(max_length=5_000)]


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What was typed about a key. `days` 0 means until it is revoked; `owner` is a service account, None the maker.

    `bot` is the bot whose knowledge its answers rest on.
    """

    name: str = ""
    allowed: tuple[str, ...] = ("llm",)
    scopes: tuple[str, ...] = ()
    requests: str = ""
    tokens: str = ""
    budget: str = ""
    end_user_budget: str = ""
    models: str = ""
    origins: str = ""
    networks: str = ""
    days: int = 90
    owner: UUID | None = None
    options: tuple[str, ...] = ()
    log_days: int = keys.USUAL_LOG_DAYS
    bot: UUID | None = None

    def wish(self) -> keys.KeyWish:
        """What the key is to be. Raises as `limits` does."""
        return keys.KeyWish(
            self.name, self.allowed, self.scopes, self.limits(), self.options, self.log_days, self.bot
        )

    def limits(self) -> KeyLimits:
        """What narrows the key. Raises RateUnusable and BudgetUnusable; the rest is read where the key is made."""
        return typed_limits(
            self.requests,
            self.tokens,
            self.budget,
            self.models,
            self.origins,
            self.networks,
            self.end_user_budget,
        )


def key_form(
    name: Line = "",
    allowed: Annotated[list[str] | None, Form()] = None,
    scopes: Annotated[list[str] | None, Form()] = None,
    requests: Line = "",
    tokens: Line = "",
    budget: Line = "",
    end_user_budget: Line = "",
    models: Line = "",
    origins: Line = "",
    networks: Line = "",
    days: Annotated[int, Form(ge=0, le=3650)] = 90,
    owner: Line = "",
    options: Annotated[list[str] | None, Form()] = None,
    log_days: Annotated[int, Form(ge=0, le=3650)] = keys.USUAL_LOG_DAYS,
    bot: Line = "",
) -> KeyForm:
    """Read the form of a key."""
    given = tuple(each for each in allowed or () if each)
    return KeyForm(
        name,
        given,
        tuple(scopes or ()),
        requests,
        tokens,
        budget,
        end_user_budget,
        models,
        origins,
        networks,
        days,
        _id(owner),
        tuple(options or ()),
        log_days,
        _id(bot),
    )


def form_of(card: keys.KeyCard) -> KeyForm:
    """The form filled in with what a key is now."""
    limits = card.limits
    return KeyForm(
        card.name,
        card.permissions,
        card.scopes,
        str(limits.requests_per_minute or ""),
        str(limits.tokens_per_minute or ""),
        typed_amount(limits.monthly_budget),
        typed_amount(limits.end_user_budget),
        "\n".join(limits.models),
        "\n".join(limits.origins),
        "\n".join(limits.networks),
        options=card.options,
        log_days=card.log_days,
        bot=card.bot_id,
    )


def typed_amount(budget: int | None) -> str:
    """An amount of money as it is typed, in rupees."""
    return f"{budget / RUPEE:f}".rstrip("0").rstrip(".") if budget else ""


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
