"""The documents in English: each sentence with an id and the ids of what it comes from.

What is held comes from the data map, promises and cookies from their declarations, what the operator says from `Facts`; only
what joins them is written in `documents/*.toml`.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from callmissed.privacy.notice import Held, held
from callmissed.privacy.promises import promises
from callmissed.privacy.promises.consent import COOKIES

FOLDER = Path(__file__).parent / "documents"
NAMES = ("policy", "cookies", "security", "dpa", "deletion", "partners", "processing")
"""The documents in the order of their list; each is a file and a page of that name."""

FACTS = {
    "legal_name": "This service is run by {legal_name}.",
    "registered_office": "Its registered office is at {registered_office}.",
    "cin": "Its company number (CIN) is {cin}.",
    "gstin": "Its tax number (GSTIN) is {gstin}.",
    "grievance_officer": "Its Grievance Officer is {grievance_officer}.",
    "grievance_email": "The officer's address is {grievance_email}.",
    "hosting": "Its machines stand with {hosting}.",
    "region": "They stand in {region}.",
}
"""Name of each published fact (a field of `Facts`) to the sentence that tells it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence. `sources` are ids of promises, map rows (`table.column`, `store: field`), cookies or facts."""

    id: str
    text: str
    sources: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """16 hex digits that change with the text or with what it comes from."""
        return sha256("\n".join((self.text, *self.sources)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its sentences."""

    title: Sentence
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One notice in English, facts not yet filled in."""

    name: str
    title: Sentence
    sections: tuple[Section, ...]

    def sentences(self) -> Iterator[Sentence]:
        """Every sentence in order, the headings included."""
        yield self.title
        for section in self.sections:
            yield section.title
            yield from section.sentences


def written() -> tuple[Document, ...]:
    """All documents as the code declares them now."""
    return tuple(_document(name) for name in NAMES)


def _document(name: str) -> Document:
    made = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    sections = tuple(_section(name, each) for each in made["sections"])
    return Document(name, Sentence(f"{name}.title", made["title"]), sections)


def _section(document: str, made: dict[str, Any]) -> Section:
    place = f"{document}.{made['id']}"
    drawn = [sentence for draw in made.get("draws", ()) for sentence in _drawn(document, draw)]
    own = [
        Sentence(f"{place}.{each['id']}", each["text"], tuple(each["from"]))
        for each in made.get("sentences", ())
    ]
    return Section(Sentence(f"{place}.title", made["title"]), (*drawn, *own))


def _drawn(document: str, draw: str) -> list[Sentence]:
    """Sentences that are declared elsewhere: `promises N` (a section), `held`, `cookies` or `facts`."""
    kind, _, section = draw.partition(" ")
    if kind == "promises":
        here = [each for each in promises() if each.section == int(section)]
        return [Sentence(f"{document}.promise.{each.id}", each.sentence, (each.id,)) for each in here]
    if kind == "held":
        return [_held(document, line) for line in held()]
    if kind == "cookies":
        return [
            Sentence(f"{document}.set.{name}", f"{name} {why}.", (name,)) for name, why in COOKIES.items()
        ]
    return [Sentence(f"{document}.fact.{name}", text, (name,)) for name, text in FACTS.items()]


def _held(document: str, line: Held) -> Sentence:
    """One line of the map as a sentence, named by its first row."""
    kept = f"for {line.days} days" if line.days else f"until {line.until}"
    text = (
        f"{line.category} {line.whose}: {', '.join(line.what)}."
        f" What for: {', '.join(line.purposes)}. Ground: {', '.join(line.grounds)}. Kept {kept}."
    )
    return Sentence(f"{document}.held.{line.columns[0].replace(': ', '.')}", text, line.columns)
