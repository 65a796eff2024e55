"""Languages, words, sentences and passages: the pure parts that everything else stands on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.knowledge.extraction import Block, from_markdown
from callmissed.knowledge.language import CONFIGURATIONS, configuration_of, language_of
from callmissed.knowledge.passages import MOST_WORDS, passages
from callmissed.knowledge.question import understand
from callmissed.knowledge.sentences import sentences
from callmissed.knowledge.words import distance, fold, likeness, stem, words_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What are your opening hours?", "en"),
        ("AC repair kitne ka hai", "hi-Latn"),
        ("आपकी दुकान कब खुलती है?", "hi"),
        ("क्या Samsung AC की service होती है?", "hi"),
        ("तुमची दुकान कधी उघडते? किती पैसे लागतात?", "mr"),
        ("तपाईंको पसल कहिले खुल्छ?", "ne"),
        ("உங்கள் கடை எப்போது திறக்கும்?", "ta"),
        ("మీ దుకాణం ఎప్పుడు తెరుస్తారు?", "te"),
        ("আপনার দোকান কখন খোলে?", "bn"),
        ("તમારી દુકાન ક્યારે ખુલે છે?", "gu"),
        ("آپ کی دکان کب کھلتی ہے؟", "ur"),
        ("¿Cuánto cuesta la reparación de una nevera?", "es"),
        ("12345", "en"),
    ],
)
def test_languages_are_told_apart_without_a_model(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_language_without_a_configuration_is_searched_with_simple() -> None:
    assert configuration_of("hi", frozenset({"hindi", "simple"})) == "hindi"
    assert configuration_of("hi", frozenset({"simple"})) == "simple"
    assert configuration_of("mr", frozenset(CONFIGURATIONS.values())) == "simple"


def test_one_spelling_for_one_word() -> None:
    assert fold("₹2,499.50") == "rupees 2499.50"
    assert fold("४५ मिनट") == "45 मिनट"
    assert fold("क़ीमत") == fold("क\u093cीमत") == "कीमत"
    assert fold("ठण्डा") == fold("ठंडा")
    assert fold("अन्न") == "अन्न"
    assert fold("What's the A/C e-mail?") == "whats the ac email"


def test_stems_bring_forms_together() -> None:
    for forms in (
        "repair repairs repaired repairing",
        "cancel cancelled cancellation",
        "install installation",
    ):
        assert len({stem(form) for form in forms.split()}) == 1, forms
    assert stem("वारंटी") == stem("वारंटियों")
    assert stem("carry") != stem("cars")


def test_likeness_forgives_slips_and_no_more() -> None:
    assert distance("kothurd", "kothrud") == 1
    assert likeness("waranty", "warranty") > 0.8
    assert likeness("वारटी", "वारंटी") > 0.8
    assert likeness("sunday", "monday") < 0.5


def test_sentences_end_at_dandas_and_not_at_abbreviations() -> None:
    text = "We open at 10 a.m. and close at 8 p.m. We charge Rs. 299. हम खुले हैं। कब? ठीक।\nNew line"
    assert sentences(text) == [
        "We open at 10 a.m. and close at 8 p.m.",
        "We charge Rs. 299.",
        "हम खुले हैं।",
        "कब?",
        "ठीक।",
        "New line",
    ]


def test_passages_follow_headings_and_stay_short() -> None:
    text = "# Terms\n\nIntro.\n\n## Warranty\n\n" + " ".join(
        f"Sentence number {n} is here." for n in range(90)
    )
    made = passages(from_markdown(text))
    assert [made[0].heading, made[1].heading] == ["Terms", "Terms › Warranty"]
    assert all(len(each.text.split()) <= MOST_WORDS for each in made)
    assert [each.ordinal for each in made] == list(range(1, len(made) + 1))
    assert all(each.text.endswith(".") for each in made)


def test_a_row_of_a_price_list_keeps_its_header() -> None:
    rows = (("Work", "Price"), *((f"Service {n}", f"₹{n}00") for n in range(1, 80)))
    made = passages([Block("heading", "Prices", 1), Block("table", rows=rows)])
    assert len(made) > 1
    assert all(line.count("Price: ₹") == 1 for each in made for line in each.text.splitlines())


def test_text_without_any_space_is_cut_all_the_same() -> None:
    made = passages([Block("text", "क" * 50_000)])
    assert max(len(each.text) for each in made) <= 4001


def test_pages_are_the_locator_of_a_pdf() -> None:
    made = passages([Block("text", "On one.", page=1), Block("text", "On two.", page=2)])
    assert [each.locator for each in made] == ["p. 1", "p. 2"]


def test_a_question_is_taken_apart() -> None:
    asked = understand("How much does washing machine repair cost?")
    assert [term.asked for term in asked.terms] == [("washing", "machine"), ("repair",), ("cost",)]
    assert asked.wants_amount
    assert understand("कब खुलते हैं?").wants_time
    assert understand("price or rate?").terms[0].asked == ("price",)


@given(st.text())
def test_folded_words_hold_nothing_that_a_tsquery_would_read(text: str) -> None:
    assert all(not set(word) & set("'\\\\&|!():*<> ") and word == word.strip() for word in words_of(text))


def test_an_endless_question_is_cut() -> None:
    assert len(understand("word " * 100_000 + "end").terms) <= 60
