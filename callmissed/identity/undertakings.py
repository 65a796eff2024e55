"""The confidentiality undertaking that binds the operator's staff (Policy §3), in versions and languages.

A version is its files in `undertaking/`, NUMBER.LANGUAGE.txt; it never changes. A new one asks everybody again.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "undertaking"
VERSION = 1
"""The version in force."""


@dataclass(frozen=True, slots=True)
class Undertaking:
    """One version in one language: its paragraphs, and SHA-256 of the text."""

    version: int
    language: str
    paragraphs: tuple[str, ...]
    digest: bytes


@lru_cache
def texts() -> dict[str, Undertaking]:
    """The version in force, by language code."""
    found: dict[str, Undertaking] = {}
    for path in sorted(FOLDER.glob(f"{VERSION}.*.txt")):
        text = path.read_text(encoding="utf-8")
        language = path.name.split(".")[1]
        paragraphs = tuple(part.strip() for part in text.split("\n\n"))
        found[language] = Undertaking(VERSION, language, paragraphs, sha256(text.encode()).digest())
    return found


def text_in(language: str) -> Undertaking:
    """The version in force in this language, else in English."""
    return texts().get(language) or texts()["en"]
