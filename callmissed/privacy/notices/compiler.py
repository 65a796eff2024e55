"""Documents in one language with the operator's facts in their places. The same input gives the same bytes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from callmissed.foundation import i18n
from callmissed.privacy.facts import Facts
from callmissed.privacy.notices.documents import FACTS, Document, Sentence, written
from callmissed.privacy.notices.languages import RIGHT_TO_LEFT, Translation, translations

PLACE = re.compile("{(" + "|".join(FACTS) + ")}")
"""Where a fact goes. What is filled in is not read again, so a company may have braces in its name."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence as it is read. `language` is the one it is in: "en" in another document means nobody has translated it."""

    id: str
    text: str
    sources: tuple[str, ...]
    language: str
    made: str


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with its lines."""

    title: Line
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """One notice, ready to be read."""

    name: str
    language: str
    title: Line
    parts: tuple[Part, ...]

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    @property
    def translated(self) -> tuple[int, int]:
        """How many lines are in the document's language, and how many there are."""
        every = list(self.lines())
        return sum(each.language == self.language for each in every), len(every)

    def lines(self) -> Iterator[Line]:
        """Every line in order, the headings included."""
        yield self.title
        for part in self.parts:
            yield part.title
            yield from part.lines


def compile_documents(facts: Facts, language: str = "en") -> tuple[Compiled, ...]:
    """All notices in this language. Raises StrayTranslation where its file translates an unknown sentence."""
    documents = written()
    known = [each.id for document in documents for each in document.sentences()]
    words = translations(language, known) if language != "en" else {}
    with i18n.speaking(language):
        missing = i18n.t("not given yet")
    values = {name: str(getattr(facts, name)).strip() or missing for name in FACTS}
    return tuple(_compiled(each, language, words, values) for each in documents)


def _compiled(
    document: Document, language: str, words: dict[str, Translation], values: dict[str, str]
) -> Compiled:
    def line(each: Sentence) -> Line:
        made = localised(each, language, words.get(each.id))
        return replace(made, text=PLACE.sub(lambda found: values[found[1]], made.text))

    parts = tuple(Part(line(each.title), tuple(map(line, each.sentences))) for each in document.sections)
    return Compiled(document.name, language, line(document.title), parts)


def localised(each: Sentence, language: str, word: Translation | None) -> Line:
    """The sentence in that language, or in English where its translation is missing or stale. Facts are not filled in."""
    if word is None or word.source != each.hash:
        return Line(each.id, each.text, each.sources, "en", "written")
    return Line(each.id, word.text, each.sources, language, word.made)
