"""Which language a text is in, without a model: by its script, and where scripts are shared by its commonest words.

Answers are BCP 47 tags. "hi-Latn" is Hindi written in Latin letters, as people type it on a phone ("AC repair kitne ka
hai"). The text search configuration of PostgreSQL follows from the tag; `simple` serves languages without one.
"""

import re
import unicodedata
from collections import Counter

from callmissed.knowledge.vocabulary import FUNCTION_WORDS

SCRIPTS = {
    "DEVANAGARI": "hi", "BENGALI": "bn", "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or", "TAMIL": "ta",
    "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "ARABIC": "ur", "LATIN": "en",
    "CYRILLIC": "ru", "GREEK": "el", "THAI": "th", "HEBREW": "he", "OL": "sat", "MEETEI": "mni",
}  # fmt: skip
"""The language assumed for a script, unless function words say otherwise. Keys: first word of Unicode character names."""

CONFIGURATIONS = {
    "en": "english", "hi": "hindi", "hi-Latn": "english", "mr-Latn": "english", "ne": "nepali", "ta": "tamil",
    "ar": "arabic", "es": "spanish", "fr": "french", "de": "german", "pt": "portuguese", "it": "italian",
    "nl": "dutch", "id": "indonesian", "ru": "russian", "el": "greek",
}  # fmt: skip
"""Language → text search configuration, where PostgreSQL 15 to 18 has one. Latin Hindi is full of English nouns."""

_WORDS = {
    script: {language: frozenset(words.split()) for language, words in languages.items()}
    for script, languages in FUNCTION_WORDS.items()
}
SAMPLE = 4000


def language_of(text: str, default: str = "en") -> str:
    """The language of a text as a BCP 47 tag. `default` answers for texts without a letter."""
    sample = text[:SAMPLE].lower()
    scripts = Counter(_script(sign) for sign in sample if unicodedata.category(sign)[0] in "LM")
    scripts.pop("", None)
    if not scripts:
        return default
    # A Hindi sentence full of English names is Hindi: a third of the letters is enough against Latin.
    script = max(scripts, key=lambda each: (scripts[each] * (1 if each == "LATIN" else 2), each))
    if script not in _WORDS:
        return SCRIPTS.get(script, default)
    words = Counter(re.findall(r"[^\s.,!?;:()\"।/|–-]+", sample))
    counts = {
        language: sum(count for word, count in words.items() if word in known)
        for language, known in _WORDS[script].items()
    }
    assumed = SCRIPTS[script]
    best = max(counts, key=lambda language: (counts[language], language == assumed, language))
    return best if counts[best] > counts[assumed] else assumed


def _script(sign: str) -> str:
    return "LATIN" if sign.isascii() else unicodedata.name(sign, "").split(" ")[0].split("-")[0]


def configuration_of(language: str, available: frozenset[str]) -> str:
    """The text search configuration for a language among those the server has; `simple` where it has none."""
    wanted = CONFIGURATIONS.get(language, "simple")
    return wanted if wanted in available else "simple"
