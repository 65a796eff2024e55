"""How a command does its work."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from callmissed.foundation.services import Services

T = TypeVar("T")


class Run(Protocol):
    """Runs one piece of work on the installation, or on one started for it."""

    def __call__(self, work: Callable[[Services], Awaitable[T]], /) -> T:
        """What the work gives."""
        ...
