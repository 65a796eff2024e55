"""A question taken apart: its language, what it is about, and whether it wants a number or a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from callmissed.knowledge.language import language_of
from callmissed.knowledge.synonyms import Phrase, phrase_at
from callmissed.knowledge.vocabulary import INTENTS
from callmissed.knowledge.words import WEAK_WORDS, is_stop, words_of

AMOUNT_WORDS, TIME_WORDS, CONTACT_WORDS, ACTIONS = (
    frozenset(words_of(INTENTS[intent])) for intent in ("amount", "time", "contact", "action")
)
MAX_WORDS = 60


@dataclass(frozen=True, slots=True)
class Term:
    """One thing asked about: the words as asked, all phrases that mean the same, and how rare it is where we looked.

    `rarity` is 0 to 1 (1: no passage has it). `found` says whether any passage has it.
    """

    asked: Phrase
    phrases: tuple[Phrase, ...]
    rarity: float = 1.0
    found: bool = True

    @property
    def weak(self) -> bool:
        """Whether the term carries little ("again", "policy")."""
        return all(word in WEAK_WORDS for word in self.asked)

    @property
    def is_action(self) -> bool:
        """Whether the term says what is to be done."""
        return any(len(phrase) == 1 and phrase[0] in ACTIONS for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class Question:
    """A question ready for search. `terms` is empty for greetings and for questions of stop words only."""

    text: str
    language: str
    terms: tuple[Term, ...] = ()
    wants_amount: bool = False
    wants_time: bool = False
    wants_contact: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """The languages the asker is sure to read: who writes Hindi in Latin letters reads English answers too."""
        return ("en", "hi-Latn") if self.language in {"en", "hi-Latn"} else (self.language,)

    def weighed(self, terms: tuple[Term, ...]) -> "Question":
        """The same question with terms weighed by what the search found."""
        return replace(self, terms=terms)


def understand(text: str, spelled: Mapping[str, str] | None = None) -> Question:
    """Take a question apart. Only its first 60 words count, which bounds the work a hostile question can cause.

    `spelled` replaces words that were slips of the finger by what was meant.
    """
    words = [(spelled or {}).get(word, word) for word in words_of(text)[:MAX_WORDS]]
    terms: dict[Phrase, Term] = {}
    at = 0
    while at < len(words):
        length, phrases = phrase_at(words, at)
        asked = tuple(words[at : at + length])
        if length > 1 or not is_stop(asked[0]):
            # Two members of one group in a question ("opening hours", "price rate") are one thing asked.
            terms.setdefault(min(phrases), Term(asked, phrases))
        at += length
    present = frozenset(words)
    return Question(
        text, language_of(text), tuple(terms.values()),
        bool(present & AMOUNT_WORDS), bool(present & TIME_WORDS), bool(present & CONTACT_WORDS),
    )  # fmt: skip
