"""The reading age of English sentences: the age at which most people read them with ease.

Flesch and Kincaid's grade (Kincaid et al., 1975, Navy Research Branch Report 8-75) and five years: grade 1 begins at six.
"""

import re
from collections.abc import Iterable
from functools import cache

import pyphen

SCHOOL_BEGINS = 5
_END = re.compile(r"(?<=[.!?;:])\s+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")


@cache
def _hyphens() -> pyphen.Pyphen:
    return pyphen.Pyphen(lang="en_US")


def reading_age(texts: Iterable[str]) -> float:
    """In years. Raises ValueError for texts without words."""
    sentences = [words for each in texts for part in _END.split(each) if (words := _WORD.findall(part))]
    every = [word for words in sentences for word in words]
    if not every:
        raise ValueError("there are no words to read")
    syllables = sum(1 + len(_hyphens().positions(word)) for word in every)
    grade = 0.39 * len(every) / len(sentences) + 11.8 * syllables / len(every) - 15.59
    return round(grade + SCHOOL_BEGINS, 1)
