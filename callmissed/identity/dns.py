"""Looking up TXT records (RFC 1035): the world's, or on a laptop, which no domain leads to, those of a file."""

import asyncio
import tomllib
from pathlib import Path
from typing import Protocol, cast

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer

from callmissed.foundation import egress

SECONDS = 5.0


class TxtRecords(Protocol):
    """Says which texts stand at a name of the domain name system."""

    async def texts(self, name: str) -> list[str] | None:
        """The texts, none where there is no such name; None when nobody could say."""
        ...


class WorldTxtRecords:
    """The records the world sees, by this machine's resolver."""

    async def texts(self, name: str) -> list[str] | None:
        """The texts, none where there is no such name; None when nobody could say."""
        try:
            egress.REGISTER.admit(*egress.RESOLVER)
            answer = await Resolver().resolve(name, "TXT", lifetime=SECONDS)
        except (NXDOMAIN, NoAnswer):
            return []
        except (DNSException, OSError, egress.UnknownDestination):
            return None
        return [b"".join(each.strings).decode("utf-8", "replace") for each in answer]


class FileTxtRecords:
    """The records in a TOML file: `"_callmissed.example.in" = ["callmissed-verify=…"]`. For installations without a domain."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def texts(self, name: str) -> list[str] | None:
        """The texts; none without the file, or where it says nothing of the name."""
        return await asyncio.to_thread(self._read, name)

    def _read(self, name: str) -> list[str]:
        try:
            said: object = tomllib.loads(self._path.read_text(encoding="utf-8")).get(name, [])
        except (OSError, ValueError):
            return []
        return [str(each) for each in cast("list[object]", said)] if isinstance(said, list) else []
