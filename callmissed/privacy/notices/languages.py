"""The languages of a notice: English and the 22 of the Eighth Schedule of the Constitution (DPDP Act 2023, s. 5(3)).

A translation is bound to the English it was made from by its hash; one that is stale or missing is told in English, marked.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "languages"

LANGUAGES = {
    "en": "English",
    "as": "অসমীয়া",
    "bn": "বাংলা",
    "brx": "बर'",
    "doi": "डोगरी",
    "gu": "ગુજરાતી",
    "hi": "हिन्दी",
    "kn": "ಕನ್ನಡ",
    "ks": "کٲشُر",
    "kok": "कोंकणी",
    "mai": "मैथिली",
    "ml": "മലയാളം",
    "mni": "মৈতৈলোন্",
    "mr": "मराठी",
    "ne": "नेपाली",
    "or": "ଓଡ଼ିଆ",
    "pa": "ਪੰਜਾਬੀ",
    "sa": "संस्कृतम्",
    "sat": "ᱥᱟᱱᱛᱟᱲᱤ",
    "sd": "سنڌي",
    "ta": "தமிழ்",
    "te": "తెలుగు",
    "ur": "اردو",
}
"""Language tag (BCP 47) to its name in itself."""

RIGHT_TO_LEFT = frozenset({"ks", "sd", "ur"})


class StrayTranslation(ValueError):
    """A file translates a sentence that no document has."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A sentence in another language. `source` is the hash of the English, `made` is "machine" or "reviewed"."""

    source: str
    text: str
    made: str
    on: str
    by: str = ""


def translations(language: str, known: Collection[str], folder: Path = FOLDER) -> dict[str, Translation]:
    """Sentence id to its translation; empty where nobody has translated. Raises StrayTranslation for an unknown id."""
    path = folder / f"{language}.json"
    if not path.exists():
        return {}
    found = {name: Translation(**each) for name, each in json.loads(path.read_text(encoding="utf-8")).items()}
    stray = sorted(found.keys() - set(known))
    if stray:
        reason = (
            f"{path.name} translates {', '.join(stray)}, which no document has: take it out, or mend its id"
        )
        raise StrayTranslation(reason)
    return found
