"""The register of destinations of this process, and its doorkeeper.

This machine itself is no destination: nothing leaves by it, and who listens there is the operator's to say. It is noted where it
was declared, and never refused.
"""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from callmissed.foundation import clock
from callmissed.foundation.datamap import Category
from callmissed.foundation.problems import Problem

log = logging.getLogger(__name__)

PORTS: Final = {
    "http": 80,
    "https": 443,
    "smtp": 25,
    "smtps": 465,
    "redis": 6379,
    "rediss": 6379,
    "unix": 0,
    "postgresql": 5432,
    "postgres": 5432,
}
RESOLVER: Final = ("(resolver of this machine)", 53)
"""Who looks names up: whoever the operating system asks."""
MOST_WAITING: Final = 1_000
"""Different destinations of one day that wait to be written; refused ones beyond are counted together."""
OTHERS: Final = "…"


class UnknownDestination(Problem):
    """Nobody has declared this destination, so nothing is sent there. The operator's settings say where data may go."""

    status = 502
    code = "unknown_destination"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where data may go: who that is, for what, which kinds of data, in which country, and who said so.

    `host` is empty for what runs inside the process; `region` is an ISO 3166 code, or ?? where nobody knows; `declared_by` is
    "settings", or in words whoever else did.
    """

    name: str
    host: str
    port: int
    purpose: str
    categories: tuple[Category, ...] = ()
    region: str = "??"
    declared_by: str = "settings"

    @classmethod
    def at(cls, url: str, name: str, purpose: str, *categories: Category, **more: str) -> "Destination":
        """The destination an address leads to. Raises ValueError for a port that is none."""
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
        return cls(name, _plain(parts.hostname or ""), port, purpose, categories, **more)

    @property
    def is_here(self) -> bool:
        """Whether it is this process or this machine."""
        return _is_here(self.host)


@dataclass(slots=True)
class Tries:
    """How often one destination was to be connected to on one day, and how often that was refused."""

    contacts: int = 0
    refused: int = 0


Day = tuple[date, str, int]
"""A day (UTC), a host and a port."""


class Register:
    """What was declared, and what was tried since it was last asked for."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._declared: dict[tuple[str, str, int], Destination] = {}
        self._places: set[tuple[str, int]] = set()
        self._tried: dict[Day, Tries] = defaultdict(Tries)

    def declare(self, destination: Destination) -> None:
        """Let connections go there from now on; once more with other words, these count."""
        self._declared[destination.name, destination.host, destination.port] = destination
        self._places.add((destination.host, destination.port))

    def declared(self) -> list[Destination]:
        """Everything that was declared, by name."""
        return [each for _, each in sorted(self._declared.items())]

    def admit(self, host: str, port: int) -> None:
        """To be asked before connecting; the try is counted. Raises UnknownDestination."""
        host = _plain(host)
        if (host, port) in self._places:
            self._tries(host, port).contacts += 1
        elif not _is_here(host):
            self._tries(host, port).refused += 1
            log.warning("a connection to a destination that nobody declared was refused")
            raise UnknownDestination

    def taken(self) -> dict[Day, Tries]:
        """What was tried since this was last asked: it is the caller's now."""
        tried, self._tried = self._tried, defaultdict(Tries)
        return tried

    def give_back(self, tried: dict[Day, Tries]) -> None:
        """What could not be written down."""
        for day, tries in tried.items():
            self._tried[day].contacts += tries.contacts
            self._tried[day].refused += tries.refused

    def _tries(self, host: str, port: int) -> Tries:
        today = clock.now().date()
        fits = len(self._tried) < self._most_waiting or (today, host, port) in self._tried
        if not fits and (host, port) not in self._places:
            host, port = OTHERS, 0
        return self._tried[today, host, port]


def _plain(host: str) -> str:
    return host.lower().rstrip(".")[:253]


def _is_here(host: str) -> bool:
    try:
        return host in {"", "localhost"} or ip_address(host).is_loopback
    except ValueError:
        return False


REGISTER: Final = Register()
"""The one of this process."""
