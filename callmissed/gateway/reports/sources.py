"""Which suppliers are asked: those of the operator's file whose entry says `report`, with a key of an administrator."""

import tomllib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from callmissed.foundation.egress import REGISTER, Destination
from callmissed.gateway.reports.reading import Told, anthropic_report, openai_report
from callmissed.gateway.upstreams.http_client import BEARER, Client, KeyHeader

KINDS: Final[Mapping[str, tuple[Callable[[Client, date], Awaitable[list[Told]]], KeyHeader]]] = {
    "openai": (openai_report, BEARER),
    "anthropic": (anthropic_report, KeyHeader("x-api-key")),
}
VERSION: Final = {"anthropic-version": "2023-06-01"}


@dataclass(frozen=True, slots=True)
class Source:
    """A supplier who tells what it counted."""

    upstream: str
    kind: str
    client: Client

    async def told(self, day: date) -> list[Told]:
        """What it counted on a day (UTC). Raises the Problems of its report."""
        read, _ = KINDS[self.kind]
        return await read(self.client, day)


class Reports:
    """Every supplier that is asked. One per process. Raises ValueError or KeyError for a wrong file."""

    def __init__(self, file: Path | None = None) -> None:
        document: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")) if file else {}
        entries: list[dict[str, Any]] = document.get("upstream", [])
        self.sources = {str(each["name"]): _source(each) for each in entries if "report" in each}

    async def stop(self) -> None:
        """Close all connections."""
        for source in self.sources.values():
            await source.client.close()


def _source(entry: Mapping[str, Any]) -> Source:
    name, kind, key = str(entry["name"]), str(entry["report"]), str(entry.get("report_key", ""))
    if kind not in KINDS:
        raise ValueError(f"a report is of {', '.join(KINDS)}, not of {kind}")
    if not key:
        raise ValueError(
            f"the report of {name} takes a report_key: a key of an administrator of the account there"
        )
    address = str(entry["base_url"])
    _, header = KINDS[kind]
    region = str(entry["region"]).upper()
    REGISTER.declare(Destination.at(address, f"{name} (report)", "suppliers' reports", region=region))
    return Source(name, kind, Client(address, {**VERSION, **header.of(key)}, key_header=header))
