"""The model `local/extractive`: it answers with sentences that stand in the sources, or says that it does not know.

It is not generative: it writes no sentence of its own except the fixed ones below, and the same question over the same
passages gives the same answer. Each sentence carries the number of its source. It declines below `THRESHOLD`, which was
chosen from the questions in tests/rooms/knowledge (see `test_quality.py` for the measured figures).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from callmissed.knowledge.language import language_of
from callmissed.knowledge.question import Question, Term, understand
from callmissed.knowledge.retrieval import Passage
from callmissed.knowledge.sentences import sentences
from callmissed.knowledge.synonyms import Phrase
from callmissed.knowledge.vocabulary import REPLIES, SOCIAL
from callmissed.knowledge.words import likeness, stem, words_of

MODEL = "local/extractive"
THRESHOLD = 0.6
MOST_SENTENCES = 3
NEARLY_AS_GOOD = 0.93
ADDS_SOMETHING = 0.6
IN_HEADING = 0.8
IN_PASSAGE = 0.3
INTENT = 0.15
BY_RANK = 0.15
OTHER_LANGUAGE = 0.2
ALIKE = 0.85
LONG_WORD = 7
STEM_LENGTH, STEM_REST = 5, 2
MISSED_INTENT = 0.75

AMOUNT = re.compile(r"₹|\brs\b|%|रुपय|free\b|मुफ्त|no (?:travel )?charge|निःशुल्क|\d", re.IGNORECASE)
TIME = re.compile(
    r"\d{1,2}(?:[:.]\d\d)?\s*(?:am|pm|a\.m|p\.m|बजे|noon)|\d\d:\d\d"
    r"|\d+\s*(?:-|to)?\s*\d*\s*(?:minute|hour|day|week|month|year|working|मिनट|घंटे|दिन|महीने|साल|वर्ष|कार्यदिवस)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun|every |same )day|after the work|before "
    r"|वार\b|हर दिन|उसी दिन|के बाद|से पहले",
    re.IGNORECASE,
)
CONTACT = re.compile(r"\+?\d(?:[ -]?\d){7,}|@")

GREETING, THANKS, BESIDE_THANKS = (
    frozenset(words_of(SOCIAL[kind])) for kind in ("greeting", "thanks", "beside_thanks")
)
POLITE_HINDI = ("namas", "pranam", "dhany", "shukr")
LONGEST_GREETING = 5

Kind = Literal["answer", "declined", "greeting"]


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer stands: `number` is the [n] in its text, `passage` the whole passage it was taken from."""

    number: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says. `score` (0 to 1) is how much of the question the sentences cover; `confident` compares it."""

    text: str
    citations: tuple[Citation, ...]
    confident: bool
    score: float
    kind: Kind
    language: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence with where it stands and how well it fits. `covers` holds the strength per term of the question."""

    text: str
    passage: Passage
    rank: int
    position: int
    covers: tuple[float, ...]
    score: float


def answer(question: str, passages: Sequence[Passage], threshold: float = THRESHOLD) -> Answer:
    """Answer a question from ranked passages (`retrieve`), with their best one to three sentences, or decline."""
    social = _social(question)
    if social is not None:
        return social
    understood = passages[0].question if passages else understand(question)
    candidates = sorted(
        _candidates(understood, passages), key=lambda each: (-each.score, each.rank, each.position)
    )
    if not candidates:
        return _declined(understood, 0.0)
    chosen = _choose(candidates)
    score = _confidence(understood, chosen)
    if score < threshold:
        return _declined(understood, score)
    return _composed(understood, chosen, score)


def _social(question: str) -> Answer | None:
    """The fixed reply to a greeting or thanks, which must not be answered with a price list."""
    words = words_of(question)
    if not words or len(words) > LONGEST_GREETING:
        return None
    if all(word in GREETING for word in words):
        occasion = "greeting"
    elif any(word in THANKS for word in words) and all(word in THANKS | BESIDE_THANKS for word in words):
        occasion = "thanks"
    else:
        return None
    hindi = any(word.startswith(POLITE_HINDI) for word in words)
    text, language = _reply(occasion, "hi-Latn" if hindi else language_of(question))
    return Answer(text, (), confident=True, score=1.0, kind="greeting", language=language)


def _reply(occasion: str, language: str) -> tuple[str, str]:
    """The fixed reply for an occasion, and its language: English where there is none."""
    replies = REPLIES[occasion]
    spoken = language if language in replies else "en"
    return replies[spoken], spoken


def _declined(question: Question, score: float) -> Answer:
    text, language = _reply("declined", question.language)
    return Answer(text, (), confident=False, score=round(score, 4), kind="declined", language=language)


def _candidates(question: Question, passages: Sequence[Passage]) -> Iterator[_Candidate]:
    whole = sum(term.rarity for term in question.terms) or 1.0
    wanted = [_Wanted.of(term) for term in question.terms]
    for rank, passage in enumerate(passages):
        heading, around = _stems(f"{passage.title} {passage.heading}"), _stems(passage.text)
        beside = [
            IN_HEADING if each.stands_in(heading) else IN_PASSAGE if each.stands_in(around) else 0.0
            for each in wanted
        ]
        foreign = 0.0 if passage.language in question.reads else OTHER_LANGUAGE
        for position, sentence in enumerate(_answers_in(passage.text)):
            stems = _stems(sentence)
            covers = tuple(
                1.0 if each.stands_in(stems) else otherwise
                for each, otherwise in zip(wanted, beside, strict=True)
            )
            fit = (
                sum(term.rarity * strength for term, strength in zip(question.terms, covers, strict=True))
                / whole
            )
            score = fit + _intent(question, sentence) + BY_RANK * passage.score - foreign
            yield _Candidate(sentence, passage, rank, position, covers, score)


def _answers_in(text: str) -> list[str]:
    """The sentences of a passage; one that ends in a colon takes the lines it announces with it."""
    joined: list[str] = []
    for sentence in sentences(text):
        if joined and joined[-1].endswith(":") and len(joined[-1]) < 200:
            joined[-1] += " " + sentence
        else:
            joined.append(sentence)
    return joined


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in words_of(text))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A term as it is looked for in a sentence: the stems of single words and of phrases."""

    words: frozenset[str]
    phrases: tuple[Phrase, ...]

    @classmethod
    def of(cls, term: Term) -> "_Wanted":
        stems = [tuple(stem(word) for word in phrase) for phrase in term.phrases]
        words = frozenset(each[0] for each in stems if len(each) == 1)
        return cls(words, tuple(each for each in stems if len(each) > 1))

    def stands_in(self, stems: tuple[str, ...]) -> bool:
        """Whether any way of saying it stands among the stems, or a word so like the asked one that it was meant."""
        if not self.words.isdisjoint(stems) or any(_in_a_row(phrase, stems) for phrase in self.phrases):
            return True
        return any(_meant(word, found) for found in stems for word in self.words if word[0] == found[0])


def _in_a_row(phrase: Phrase, stems: tuple[str, ...]) -> bool:
    return any(stems[at : at + len(phrase)] == phrase for at in range(len(stems) - len(phrase) + 1))


@lru_cache(maxsize=50_000)
def _meant(wanted: str, found: str) -> bool:
    """Whether two stems are one word: PostgreSQL's own stem of it, or a slip in a long word."""
    shorter, longer = sorted((wanted, found), key=len)
    if len(shorter) >= STEM_LENGTH and len(longer) - len(shorter) <= STEM_REST and longer.startswith(shorter):
        return True
    return len(shorter) >= LONG_WORD and likeness(shorter, longer) >= ALIKE


def _intent(question: Question, sentence: str) -> float:
    """A question for an amount or a time wants a sentence that has one."""
    bonus = 0.0
    if question.wants_amount:
        bonus += INTENT if AMOUNT.search(sentence) else -INTENT
    if question.wants_time:
        bonus += INTENT if TIME.search(sentence) else -INTENT
    if question.wants_contact:
        bonus += INTENT if CONTACT.search(sentence) else 0.0
    return bonus


def _choose(candidates: list[_Candidate]) -> list[_Candidate]:
    """The best sentence, then up to two in its language that are nearly as good or cover what it does not."""
    best, *others = candidates
    chosen = [best]
    covered = list(best.covers)
    for each in others:
        if len(chosen) == MOST_SENTENCES:
            break
        if each.passage.language != best.passage.language or any(each.text == other.text for other in chosen):
            continue
        gains = any(new == 1.0 and new > old for new, old in zip(each.covers, covered, strict=True))
        if each.score >= NEARLY_AS_GOOD * best.score or (gains and each.score >= ADDS_SOMETHING * best.score):
            chosen.append(each)
            covered = [max(pair) for pair in zip(covered, each.covers, strict=True)]
    return chosen


def _confidence(question: Question, chosen: list[_Candidate]) -> float:
    """The share of the question that the best sentence covers, cut when an asked amount or time is missing."""
    best = chosen[0]
    whole = sum(term.rarity for term in question.terms)
    covered = sum(term.rarity * strength for term, strength in zip(question.terms, best.covers, strict=True))
    score = covered / whole if whole else 0.0
    said = " ".join(each.text for each in chosen)
    if question.wants_amount and not AMOUNT.search(said):
        score *= MISSED_INTENT
    if question.wants_time and not TIME.search(said):
        score *= MISSED_INTENT
    return min(score, 1.0)


def _composed(question: Question, chosen: list[_Candidate], score: float) -> Answer:
    """The sentences in reading order, each with the number of its source."""
    passages = list(dict.fromkeys(id(each.passage) for each in chosen))
    numbers = {key: number for number, key in enumerate(passages, 1)}
    ordered = sorted(chosen, key=lambda each: (numbers[id(each.passage)], each.position))
    lines = [f"{each.text} [{numbers[id(each.passage)]}]" for each in ordered]
    cited = {numbers[id(each.passage)]: Citation(numbers[id(each.passage)], each.passage) for each in chosen}
    joint = "\n" if any(" – " in each.text for each in ordered) else " "
    return Answer(
        joint.join(lines), tuple(cited[n] for n in sorted(cited)), confident=True, score=round(score, 4), kind="answer",
        language=question.language,
    )  # fmt: skip
