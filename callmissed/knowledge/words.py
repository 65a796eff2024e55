"""Words as the search sees them: folded to one spelling, without the words that every question has, stems, likeness.

PostgreSQL stems the passages; the stems here are lighter and serve single sentences, where no index exists. Likeness is
that of trigrams, as in pg_trgm, made here because the extension is optional and, in a database with locale C, sees no
letter outside ASCII.
"""

import re
import unicodedata
from functools import lru_cache

from callmissed.knowledge.vocabulary import HINDI_SUFFIXES, STOP, WEAK

NUKTA = "\u093c"
VIRAMA = "\u094d"
CANDRABINDU, ANUSVARA = "\u0901", "\u0902"

ENGLISH_ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ers", "er", "ed", "es", "s", "e")
HINDI_ENDINGS = tuple(sorted(HINDI_SUFFIXES.split(), key=lambda ending: -len(ending)))
"""After the light stemmer of Ramanathan and Rao (2003), cut down to what business texts need."""
MIN_STEM = 3
MIN_HINDI_STEM = 2


class _Folding(dict[int, str]):
    """Folds one character, remembering the answer: letters, marks and digits stay, all else becomes a space."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        category = unicodedata.category(sign)
        if category == "Nd":
            folded = str(unicodedata.decimal(sign))
        elif sign in {NUKTA, "\u200c", "\u200d", "\u200b", "\ufeff", "'", "\u2019"}:
            folded = ""
        elif sign == CANDRABINDU:
            folded = ANUSVARA
        else:
            folded = sign if category[0] in "LM" or sign in ".,₹" else " "
        self[code] = folded
        return folded


_FOLDING = _Folding()
_NASAL = re.compile("[ङञणनम]" + VIRAMA + "(?=[क-म])")


_JOINED = {r"\ba/c\b": "ac", r"\be-mail": "email", r"ई-मेल": "ईमेल"}


def _joined(text: str) -> str:
    """The few words that punctuation would break in two."""
    for pattern, joined in _JOINED.items():
        text = re.sub(pattern, joined, text, flags=re.IGNORECASE)
    return text


def fold(text: str) -> str:
    """A text in one spelling: lower case, one form per letter and digit, "₹2,499" as "rupees 2499", no punctuation."""
    # Half nasals before a consonant are written as anusvara by most (ठण्डा, ठंडा); doubled ones (अन्न, अम्मा) are no nasals.
    text = _NASAL.sub(
        lambda m: m[0] if _doubles(m) else ANUSVARA, unicodedata.normalize("NFKC", _joined(text))
    )
    text = text.lower().translate(_FOLDING)
    text = re.sub(r"(?<=\d),(?=\d)", "", text).replace("₹", " rupees ")
    text = re.sub(r"(?<!\d)\.|\.(?!\d)|,", " ", text)
    return " ".join(text.split())


def _doubles(match: re.Match[str]) -> bool:
    """Whether a half nasal stands before its own or another nasal letter, where it is a sound of its own."""
    following = match.string[match.end() : match.end() + 1]
    return following in "ङञणनमय"


def words_of(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return fold(text).split()


_STOP_WORDS = frozenset(word for words in STOP.values() for word in fold(words).split())


WEAK_WORDS = frozenset(fold(WEAK).split())


def is_stop(word: str) -> bool:
    """Whether a folded word says nothing about what is asked."""
    return word in _STOP_WORDS or (len(word) == 1 and not word.isdigit())


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A folded word without its ending: English and Devanagari by rule, other scripts as they are."""
    if word.isascii():
        return _english(word)
    if "\u0900" <= word[0] <= "\u097f":
        for ending in HINDI_ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= MIN_HINDI_STEM:
                return word[: -len(ending)]
    return word


def _english(word: str) -> str:
    if word.isdigit():
        return word
    if word.endswith(("ies", "ied")) and len(word) > MIN_STEM + 2:
        return word[:-2]
    for ending in ENGLISH_ENDINGS:
        if (
            word.endswith(ending)
            and len(word) - len(ending) >= MIN_STEM
            and not (ending == "s" and word[-2] in "su")
        ):
            word = word[: -len(ending)]
            break
    word = word.removesuffix("e") if len(word) > MIN_STEM else word
    if len(word) > MIN_STEM and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > MIN_STEM else word


@lru_cache(maxsize=20_000)
def trigrams(word: str) -> frozenset[str]:
    """The groups of three signs of a word, padded as pg_trgm does."""
    padded = f"  {word} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def likeness(one: str, other: str) -> float:
    """How alike two words are, 0 to 1: shared trigrams by all trigrams, or one slip of the finger in longer words."""
    if one == other:
        return 1.0
    shared, every = trigrams(one) & trigrams(other), trigrams(one) | trigrams(other)
    alike = len(shared) / len(every)
    if min(len(one), len(other)) >= 4 and abs(len(one) - len(other)) <= 2 and one[0] == other[0]:
        slips = distance(one, other)
        if slips <= (1 if min(len(one), len(other)) < 7 else 2):
            alike = max(alike, 1 - slips / max(len(one), len(other)))
    return alike


def distance(one: str, other: str) -> int:
    """Slips between two words: letters added, missing, changed, or two neighbours swapped."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        current = [row]
        for col, right in enumerate(other, 1):
            cost = min(last[col] + 1, current[-1] + 1, last[col - 1] + (left != right))
            if row > 1 and col > 1 and left == other[col - 2] and one[row - 2] == right:
                cost = min(cost, before[col - 2] + 1)
            current.append(cost)
        before, last = last, current
    return last[-1]
