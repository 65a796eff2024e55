"""The model `local/extractive`: it answers with sentences that stand in the sources, or says that it does not know.

It is not generative: it writes no sentence of its own except the fixed ones below, and the same question over the same
passages gives the same answer. Each sentence carries the number of its source. It declines below `THRESHOLD`, which was
chosen from the questions in tests/rooms/knowledge (see `test_quality.py` for the measured figures).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from callmissed.knowledge.question import Question, Term, understand
from callmissed.knowledge.retrieval import Passage
from callmissed.knowledge.sentences import sentences
from callmissed.knowledge.synonyms import Phrase
from callmissed.knowledge.words import fold, stem, words_of

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
MISSED_INTENT = 0.75

AMOUNT = re.compile(r"₹|\brs\b|%|रुपय|free\b|मुफ्त|no (?:travel )?charge|निःशुल्क|\d", re.IGNORECASE)
TIME = re.compile(
    r"\d{1,2}(?:[:.]\d\d)?\s*(?:am|pm|a\.m|p\.m|बजे|noon)|\d\d:\d\d|\d+\s*(?:-|to)?\s*\d*\s*(?:minute|hour|day|week|month|year|working|मिनट|घंटे|दिन|महीने|साल|वर्ष|कार्यदिवस)"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday|every day|same day|after the work|before |वार\b|हर दिन|उसी दिन|के बाद|से पहले",
    re.IGNORECASE,
)

CONTACT = re.compile(r"\+?\d(?:[ -]?\d){7,}|@")

DECLINED = {
    "en": "I don't know: I found nothing about this in the information I have. Would you like a person to answer you?",
    "hi": "मुझे नहीं पता: मेरे पास मौजूद जानकारी में इसके बारे में कुछ नहीं मिला। क्या आप चाहेंगे कि कोई व्यक्ति आपको जवाब दे?",
    "hi-Latn": "Mujhe nahi pata: mere paas jo jaankari hai usme iske baare mein kuch nahi mila. Kya aap chahenge ki koi vyakti aapko jawab de?",
    "mr": "मला माहीत नाही: माझ्याकडील माहितीत याबद्दल काही सापडले नाही. एखाद्या व्यक्तीने तुम्हाला उत्तर द्यावे असे वाटते का?",
    "ne": "मलाई थाहा छैन: मसँग भएको जानकारीमा यसबारे केही भेटिएन। के तपाईं कुनै व्यक्तिबाट जवाफ चाहनुहुन्छ?",
    "ta": "எனக்குத் தெரியாது: என்னிடம் உள்ள தகவலில் இதைப் பற்றி எதுவும் கிடைக்கவில்லை. ஒருவர் உங்களுக்குப் பதிலளிக்க வேண்டுமா?",
}
GREETED = {
    "en": "Hello. I am an automatic assistant: I answer with sentences from this business's own information. What would you like to know?",
    "hi": "नमस्ते। मैं एक स्वचालित सहायक हूँ: मैं इस व्यवसाय की अपनी जानकारी के वाक्यों से जवाब देता हूँ। आप क्या जानना चाहते हैं?",
    "hi-Latn": "Namaste. Main ek automatic assistant hoon: main is business ki apni jaankari ke vaakyon se jawab deta hoon. Aap kya jaanna chahte hain?",
}
THANKED = {
    "en": "You are welcome. Ask me anything else about this business, or ask for a person.",
    "hi": "आपका स्वागत है। इस व्यवसाय के बारे में कुछ और पूछें, या किसी व्यक्ति से बात करने के लिए कहें।",
    "hi-Latn": "Aapka swagat hai. Is business ke baare mein kuch aur poochhein, ya kisi vyakti se baat karne ke liye kahein.",
}
GREETINGS = frozenset(
    fold("hi hello hey hii hlo namaste namaskar namaskaar pranam good morning afternoon evening नमस्ते नमस्कार प्रणाम हैलो हेलो हाय "
         "शुभ प्रभात there sir madam ji जी").split()
)  # fmt: skip
THANKS = frozenset(
    fold("thanks thank you thankyou thx ty dhanyavad dhanyawad dhanyavaad shukriya ok okay great very much so bahut bye धन्यवाद शुक्रिया "
         "आभार बहुत ठीक है अच्छा आपका ji जी").split()
)  # fmt: skip
THANKS_ITSELF = THANKS - frozenset(fold("you ok okay great very much so bahut बहुत ठीक है अच्छा आपका ji जी").split())

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
    candidates = sorted(_candidates(understood, passages), key=lambda each: (-each.score, each.rank, each.position))
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
    if not words or len(words) > 5:  # noqa: PLR2004 - longer messages ask something
        return None
    language = understand(question).language
    if all(word in GREETINGS for word in words):
        replies = GREETED
    elif all(word in THANKS for word in words) and any(word in THANKS_ITSELF for word in words):
        replies = THANKED
    else:
        return None
    if language == "en" and any(word.startswith(("namas", "pranam", "dhany", "shukr")) for word in words):
        language = "hi-Latn"
    spoken = language if language in replies else "en"
    return Answer(replies[spoken], (), confident=True, score=1.0, kind="greeting", language=spoken)


def _declined(question: Question, score: float) -> Answer:
    spoken = question.language if question.language in DECLINED else "en"
    return Answer(DECLINED[spoken], (), confident=False, score=round(score, 4), kind="declined", language=spoken)


def _candidates(question: Question, passages: Sequence[Passage]) -> Iterator[_Candidate]:
    whole = sum(term.rarity for term in question.terms) or 1.0
    for rank, passage in enumerate(passages):
        heading = _stems(f"{passage.title} {passage.heading}")
        around = _stems(passage.text)
        for position, sentence in enumerate(_answers_in(passage.text)):
            stems = _stems(sentence)
            covers = tuple(_strength(term, stems, heading, around) for term in question.terms)
            fit = sum(term.rarity * strength for term, strength in zip(question.terms, covers, strict=True)) / whole
            foreign = 0.0 if passage.language in question.reads else OTHER_LANGUAGE
            score = fit + _intent(question, sentence) + BY_RANK * passage.score - foreign
            yield _Candidate(sentence, passage, rank, position, covers, score)


def _answers_in(text: str) -> list[str]:
    """The sentences of a passage; one that ends in a colon takes the lines it announces with it."""
    joined: list[str] = []
    for sentence in sentences(text):
        if joined and joined[-1].endswith(":") and len(joined[-1]) < 200:  # noqa: PLR2004 - a lead-in is short
            joined[-1] += " " + sentence
        else:
            joined.append(sentence)
    return joined


def _stems(text: str) -> list[str]:
    return [stem(word) for word in words_of(text)]


def _strength(term: Term, sentence: list[str], heading: list[str], around: list[str]) -> float:
    """How well a sentence covers one term: 1 in its own words, less where only its heading or neighbours say it."""
    if any(_occurs(phrase, sentence) for phrase in term.phrases):
        return 1.0
    if any(_occurs(phrase, heading) for phrase in term.phrases):
        return IN_HEADING
    return IN_PASSAGE if any(_occurs(phrase, around) for phrase in term.phrases) else 0.0


def _occurs(phrase: Phrase, stems: list[str]) -> bool:
    """Whether the stems of a phrase stand in a row. A corrected word may be PostgreSQL's stem, so a long start counts."""
    wanted = [stem(word) for word in phrase]
    last = len(stems) - len(wanted)
    return any(all(_same(wanted[n], stems[at + n]) for n in range(len(wanted))) for at in range(last + 1))


def _same(wanted: str, found: str) -> bool:
    if wanted == found:
        return True
    shorter, longer = sorted((wanted, found), key=len)
    return len(shorter) >= 5 and len(longer) - len(shorter) <= 2 and longer.startswith(shorter)  # noqa: PLR2004


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
