"""The process's one object: everything a request or job may use, built once in `callmissed.app.wiring`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from starlette.requests import HTTPConnection

from callmissed.foundation.database import Database
from callmissed.foundation.live import LiveBus
from callmissed.foundation.tenancy import Access
from callmissed.foundation.vault import Vault

T = TypeVar("T")

Authenticate = Callable[[HTTPConnection], Awaitable[Access | None]]
"""Says who a request comes from, or None. Built from the rooms that know sessions, keys and tokens."""


async def nobody(_: HTTPConnection) -> Access | None:
    """The standing of every caller until a room that knows sessions is wired in."""
    return None


@dataclass(slots=True)
class Services:
    """What the process runs with. Rooms add their own long-lived objects with `put` and fetch them by class."""

    db: Database
    verifier: Database
    vault: Vault
    live: LiveBus
    home: Path
    base_url: str
    production: bool = False
    authenticate: Authenticate = nobody
    _own: dict[type, Any] = field(default_factory=dict[type, Any])

    def put(self, thing: object, as_type: type | None = None) -> None:
        """Offer a long-lived object of a room under its class, or under the Protocol `as_type`."""
        self._own[as_type or type(thing)] = thing

    def get(self, kind: type[T]) -> T:
        """The object offered under this class. Raises KeyError when the wiring forgot it."""
        return cast("T", self._own[kind])

    def everything(self) -> tuple[object, ...]:
        """All offered objects, in the order they were offered."""
        return tuple(self._own.values())
