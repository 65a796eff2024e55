"""The notices tell everything, and say nothing that has no source; each row and each sentence is taken out to see it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from callmissed.privacy import Facts
from callmissed.privacy.notices import compile_documents, gaps, rendered, written
from callmissed.privacy.notices.compiler import localised
from callmissed.privacy.notices.documents import Document, Section, Sentence
from callmissed.privacy.notices.languages import (
    FOLDER,
    LANGUAGES,
    StrayTranslation,
    Translation,
    translations,
)
from callmissed.privacy.notices.register import committed, required
from tools.notices import hard_to_read, load
from tools.reading_age import reading_age

load()


def _mapped(document: Document, change: Callable[[Sentence], Sentence]) -> Document:
    sections = tuple(
        Section(change(each.title), tuple(change(one) for one in each.sentences))
        for each in document.sections
    )
    return replace(document, title=change(document.title), sections=sections)


def _without_source(document: Document, name: str) -> Document:
    return _mapped(
        document, lambda each: replace(each, sources=tuple(one for one in each.sources if one != name))
    )


def _changed(each: Sentence, name: str) -> Sentence:
    return replace(each, text="x") if each.id == name else each


def _without(section: Section, sentence: Sentence) -> Section:
    return replace(section, sentences=tuple(each for each in section.sentences if each is not sentence))


def test_every_row_promise_cookie_and_fact_is_told_and_the_register_is_current() -> None:
    """Written anew with `python -m tools.notices`."""
    assert gaps(written(), required(), committed()) == []


def test_each_id_taken_out_is_missed() -> None:
    documents, ids, register = written(), required(), committed()
    for name in ids:
        wrong = gaps(documents, ids - {name}, register)
        assert any(f"comes from {name}," in each and "take it out" in each for each in wrong), name
        wrong = gaps([_without_source(each, name) for each in documents], ids, register)
        assert any(each.startswith(f"{name} is told in no notice") for each in wrong), name


def test_each_sentence_taken_out_or_changed_is_missed() -> None:
    documents, ids, register = written(), required(), committed()
    for document in documents:
        rest = [each for each in documents if each is not document]
        for sentence in document.sentences():
            changed = _mapped(document, lambda each, now=sentence.id: _changed(each, now))
            assert any(sentence.id in each for each in gaps([*rest, changed], ids, register)), sentence.id
            left = {name: lines for name, lines in register[document.name].items() if name != sentence.id}
            wrong = gaps(documents, ids, {**register, document.name: left})
            assert wrong == [
                f"{sentence.id} is new in the notice `{document.name}`: read it, then run `python -m tools.notices`"
            ]
        for section in document.sections:
            for sentence in section.sentences:
                gone = replace(
                    document, sections=tuple(_without(each, sentence) for each in document.sections)
                )
                wrong = gaps([*rest, gone], ids, register)
                assert any(each.startswith(f"{sentence.id} has left") for each in wrong), sentence.id


@pytest.mark.parametrize("ending", ["md", "html", "json"])
@pytest.mark.parametrize("language", ["en", "hi", "ur"])
def test_the_same_bytes_come_twice(language: str, ending: str) -> None:
    facts = Facts(legal_name="Asha <b>Foods</b> {cin}", grievance_email="g@asha.in")
    once = [rendered(each, ending) for each in compile_documents(facts, language)]
    assert once == [rendered(each, ending) for each in compile_documents(facts, language)]
    assert all(once)
    assert ending != "html" or not any("<b>" in each for each in once)


def test_a_missing_fact_and_a_missing_translation_are_visible() -> None:
    policy = compile_documents(Facts(), "ur")[0]
    assert policy.direction == "rtl"
    assert "[English]" in rendered(policy, "md")
    assert "{" not in "".join(line.text for line in policy.lines())


def test_a_stale_translation_falls_back_and_a_stray_one_is_refused(tmp_path: Path) -> None:
    word = {"source": "0" * 16, "text": "x", "made": "machine", "on": "2026-12-01"}
    (tmp_path / "ta.json").write_text(json.dumps({"policy.title": word}), encoding="utf-8")
    assert translations("ta", ["policy.title"], tmp_path)["policy.title"].text == "x"
    title = next(each.title for each in written() if each.name == "policy")
    found = localised(title, "ta", Translation(**word))
    assert (found.language, found.text) == ("en", title.text)
    with pytest.raises(StrayTranslation, match=r"ta.json translates policy.title.*take it out"):
        translations("ta", ["cookies.title"], tmp_path)


def test_there_are_twenty_three_languages_and_no_stray_file() -> None:
    known = [each.id for document in written() for each in document.sentences()]
    assert len(LANGUAGES) == 23
    assert {path.stem for path in FOLDER.glob("*.json")} <= LANGUAGES.keys()
    for language in LANGUAGES:
        assert translations(language, known).keys() <= set(known)


def test_every_notice_is_easy_to_read_and_a_hard_sentence_is_refused() -> None:
    load()
    documents = written()
    assert list(hard_to_read(documents)) == []
    policy = next(each for each in documents if each.name == "policy")
    hard = (
        "Notwithstanding anything to the contrary hereinbefore contained, personal information may be retained for "
        "such duration as is reasonably necessary for legitimate organisational purposes."
    )
    section = policy.sections[0]
    planted = replace(section, sentences=(*section.sentences, Sentence("policy.about.hard", hard)))
    found = list(hard_to_read([replace(policy, sections=(planted, *policy.sections[1:]))]))
    assert len(found) == 1
    assert found[0].startswith("policy.about.hard is read with ease from")


def test_the_reading_age_is_flesch_and_kincaids() -> None:
    """Of their own formula: 0.39 words a sentence, 11.8 syllables a word, less 15.59; five years before school."""
    assert reading_age(["The cat sat on the mat."]) == round(0.39 * 6 + 11.8 - 15.59 + 5, 1)
    with pytest.raises(ValueError, match="no words"):
        reading_age(["१२३"])
