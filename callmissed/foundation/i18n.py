"""Languages: which one a reader gets, and the words in it.

English is the language of the source; every other language is a folder under `callmissed/locale/` with one
`LC_MESSAGES/<room>.po` per room. The catalogues are compiled in memory at start, so no binary is kept in the repository.
`speaking("hi")` sets the language of everything written inside the block: pages, mails, error messages.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES: dict[str, str] = {"en": "English", "hi": "हिन्दी"}
"""Language code (BCP 47) to its name in itself, in the order menus show them."""

COOKIE = "cm_lang"
LOCALE = Path(__file__).resolve().parent.parent / "locale"

_spoken: ContextVar[str] = ContextVar("language", default="en")


def language() -> str:
    """The language being written now, one of LANGUAGES."""
    return _spoken.get()


@contextmanager
def speaking(code: str) -> Generator[None]:
    """Write in this language until the block ends; an unknown code means English."""
    token = _spoken.set(code if code in LANGUAGES else "en")
    try:
        yield
    finally:
        _spoken.reset(token)


@lru_cache
def catalogue(code: str) -> NullTranslations:
    """All rooms' translations for one language; what no room translates stays English."""
    merged: NullTranslations = NullTranslations()
    for path in sorted((LOCALE / code / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as source:
            binary = BytesIO()
            write_mo(binary, read_po(source, locale=code))
        binary.seek(0)
        room = GNUTranslations(binary)
        room.add_fallback(merged)
        merged = room
    return merged


def t(message: str, **values: object) -> str:
    """The message in the current language, with `%(name)s` filled in when values are given."""
    text = (
        catalogue(language()).gettext(message) if message else ""
    )  # gettext("") is the catalogue's own header
    return text % values if values else text


def plural(one: str, many: str, n: int) -> str:
    """The form for `n` in the current language, with nothing filled in."""
    return catalogue(language()).ngettext(one, many, n)


def nt(one: str, many: str, n: int, **values: object) -> str:
    """The form for `n`, with `%(n)s` filled in."""
    return plural(one, many, n) % {"n": n, **values}


def choose(asked: str | None, remembered: str | None, accepted: str | None) -> str:
    """Pick a language: the one asked for in the address, else the cookie's, else the browser's, else English.

    `accepted` is an Accept-Language header (RFC 9110 §12.5.4).
    """
    for wish in (asked, remembered):
        if wish in LANGUAGES:
            return wish
    ranked: list[tuple[float, str]] = []
    for place, entry in enumerate((accepted or "").split(",")):
        tag, _, quality = entry.strip().partition(";q=")
        code = tag.split("-")[0].lower()
        if code in LANGUAGES:
            ranked.append((-_quality(quality) + place * 1e-6, code))
    return min(ranked)[1] if ranked else "en"


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
