"""Words that mean the same to customers and businesses, in English, Hindi, and Hindi in Latin letters (`vocabulary.toml`).

A group finds its members in each other's place, so that "AC service kitne ka hai" finds "एसी" and "charges" finds "₹".
"""

from callmissed.knowledge.vocabulary import SYNONYMS
from callmissed.knowledge.words import likeness, stem, words_of

Phrase = tuple[str, ...]


def _phrase(words: str) -> Phrase:
    return tuple(words_of(words))


def _stems(phrase: Phrase) -> Phrase:
    return tuple(stem(word) for word in phrase)


def _index() -> dict[Phrase, tuple[Phrase, ...]]:
    """Stems of each member → the members of all its groups, in the order written."""
    index: dict[Phrase, tuple[Phrase, ...]] = {}
    for line in SYNONYMS:
        group = tuple(phrase for member in line.split(",") if (phrase := _phrase(member)))
        for member in group:
            known = index.get(_stems(member), ())
            index[_stems(member)] = known + tuple(each for each in group if each not in known)
    return index


_INDEX = _index()
_VOCABULARY = sorted(
    {word for group in _INDEX.values() for phrase in group for word in phrase if len(word) > 3}
)
LONGEST = max(len(phrase) for phrase in _INDEX)


def phrase_at(words: list[str], at: int) -> tuple[int, tuple[Phrase, ...]]:
    """The longest known phrase that starts at this word: its length in words, and all phrases that mean the same.

    An unknown word is a phrase of its own with no others.
    """
    for length in range(min(LONGEST, len(words) - at), 0, -1):
        phrase = tuple(words[at : at + length])
        group = _INDEX.get(_stems(phrase))
        if group:
            return length, (phrase, *(each for each in group if each != phrase))
    return 1, ((words[at],),)


NEAR = 0.8


def nearest_word(word: str) -> str | None:
    """The known word most like this one, for slips of the finger."""
    near = [(likeness(word, each), each) for each in _VOCABULARY if each[0] == word[0]]
    score, best = max(near, default=(0.0, ""))
    return best if score >= NEAR else None
