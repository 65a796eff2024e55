"""The invented firm of the demo: its website's words come from the same files the demo's bot reads, so both agree."""

import re
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from babel.dates import format_date

from callmissed.foundation.i18n import t

MONDAY = date(2024, 1, 1)
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_row = re.compile(r"^\| ([^|]+) \| (₹[^|]+) \| ([^|]+) \|$")


@dataclass(frozen=True, slots=True)
class Line:
    """One priced piece of work."""

    work: str
    price: str
    time: str


@dataclass(frozen=True, slots=True)
class Group:
    """The work on one kind of appliance."""

    title: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Firm:
    """What the firm's page shows, in one language."""

    name: str
    tagline: str
    city: str
    address: str
    phone: str
    email: str
    price_note: str
    areas: str
    hours: list[tuple[str, str]]
    services: list[Group]
    questions: list[str]


@dataclass(frozen=True, slots=True)
class DemoFirm:
    """Where the demo's firm lives on disk (`firm.toml` and `documents/`), and the public id of its chat widget."""

    folder: Path
    widget_id: str | None = None

    def read(self, language: str) -> Firm:
        """The firm in this language; English where it has no words of its own."""
        facts: dict[str, Any] = tomllib.loads((self.folder / "firm.toml").read_text())
        prices = self._document("prices", language)
        return Firm(
            name=_worded(facts, "name", language),
            tagline=_worded(facts, "tagline", language),
            city=str(facts["city"]),
            address=str(facts["address"]),
            phone=str(facts["phone"]),
            email=str(facts["email"]),
            price_note=_paragraphs(prices)[0],
            areas=" ".join(_paragraphs(self._document("areas", language))[:2]),
            hours=opening_hours(facts["hours"], language),
            services=price_groups(prices),
            questions=[str(question.get(language, question["en"])) for question in facts["questions"]],
        )

    def _document(self, name: str, language: str) -> str:
        own = self.folder / "documents" / f"{name}.{language}.md"
        return (own if own.exists() else self.folder / "documents" / f"{name}.en.md").read_text()


def price_groups(document: str) -> list[Group]:
    """The priced tables of a Markdown price list, by heading; headings without a table are left out."""
    groups: list[Group] = []
    for part in document.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        lines = [
            Line(*(cell.strip() for cell in hit.groups()))
            for hit in map(_row.match, body.splitlines())
            if hit
        ]
        if lines:
            groups.append(Group(title.strip(), lines))
    return groups


def opening_hours(hours: dict[str, str], language: str) -> list[tuple[str, str]]:
    """Days with the same hours together: ("Monday to Saturday", "09:30 – 19:30")."""
    rows: list[tuple[str, str]] = []
    for open_at, days in groupby(range(7), key=lambda day: hours[WEEK[day]]):
        names = [format_date(MONDAY + timedelta(days=day), "EEEE", locale=language) for day in days]
        name = t("%(first)s to %(last)s", first=names[0], last=names[-1]) if len(names) > 1 else names[0]
        rows.append((name, open_at.replace("-", " – ")))
    return rows


def _worded(facts: dict[str, Any], name: str, language: str) -> str:
    return str(facts.get(f"{name}_{language}", facts[name]))


def _paragraphs(document: str) -> list[str]:
    return [
        part.strip()
        for part in document.split("\n\n")
        if part.strip() and not part.lstrip().startswith(("#", "|"))
    ]
