"""Which sentences the templates and the code ask to be translated, and which a language lacks."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

PACKAGE = Path(__file__).resolve().parents[2] / "callmissed"
KEYWORDS = {"t": None, "nt": (1, 2), "gettext": None, "ngettext": (1, 2)}
OPTIONS = {"trimmed": "true", "extensions": "jinja2.ext.do"}


def asked_in_template(path: Path) -> Iterator[str]:
    """The messages of one template."""
    with path.open("rb") as source:
        for _, _, message, _ in babel_extract(source, tuple(KEYWORDS), [], OPTIONS):
            yield _first(message)


def asked_in_code(path: Path) -> Iterator[str]:
    """The messages of one Python file: calls of t() and nt() with a literal, and sentences marked with _()."""
    with path.open("rb") as source:
        for _, message, _, _ in extract("python", source, {"t": None, "nt": (1, 2), "_": None}):
            yield _first(message)


def asked(package: Path = PACKAGE) -> dict[str, str]:
    """Every message asked for (a plural by its singular), with the file that asks first."""
    found: dict[str, str] = {}
    for path in sorted(package.glob("**/templates/**/*.html")):
        for message in asked_in_template(path):
            found.setdefault(message, path.relative_to(package).as_posix())
    for path in sorted(package.glob("**/*.py")):
        for message in asked_in_code(path):
            found.setdefault(message, path.relative_to(package).as_posix())
    return found


def translated(language: str, package: Path = PACKAGE) -> set[str]:
    """The message ids that a language has words for, every plural form included."""
    known: set[str] = set()
    for path in (package / "locale" / language / "LC_MESSAGES").glob("*.po"):
        with path.open("rb") as source:
            for message in read_po(source, locale=language):
                complete = (
                    all(message.string) if isinstance(message.string, (list, tuple)) else bool(message.string)
                )
                first = next(iter(message.id), "") if isinstance(message.id, (list, tuple)) else message.id
                if first and complete:
                    known.add(first)
    return known


def missing(language: str, package: Path = PACKAGE) -> dict[str, str]:
    """Messages without words in this language, with the file that asks."""
    known = translated(language, package)
    return {message: where for message, where in asked(package).items() if message not in known}


def _first(message: object) -> str:
    """The message id: of a plural, its singular."""
    parts = cast("tuple[object, ...]", message) if isinstance(message, tuple) else (message,)
    return str(next(part for part in parts if part is not None))
