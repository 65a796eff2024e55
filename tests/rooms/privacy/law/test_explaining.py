"""A column in words: what, why, whose, how long, under which rule, and what changes on 13 May 2027."""

from datetime import date

import pytest

from callmissed.app import tables
from callmissed.app.settings import CONDITIONS as SETTABLE
from callmissed.foundation import datamap
from callmissed.privacy.explaining import UnknownColumn, explain, told
from callmissed.privacy.law import CONDITIONS, statutes

tables.load()
TODAY = date(2026, 12, 1)


def fate(column: str, *conditions: str) -> list[tuple[date, date | None, date | None, list[str]]]:
    found = explain(column, TODAY, statutes(), frozenset(conditions))
    return [
        (each.since, each.decision.hidden_on, each.decision.erased_on, [row.id for row in each.law])
        for each in found.regimes
    ]


def test_usage_leaves_after_ninety_days_and_is_sealed_for_a_year_from_may_2027() -> None:
    assert fate("usage_record.model") == [
        (TODAY, date(2027, 3, 2), date(2027, 3, 2), []),
        (date(2027, 5, 13), date(2027, 8, 12), date(2028, 5, 14), ["dpdp.one-year"]),
    ]


def test_registration_waits_for_the_law_that_comes_while_it_lies_sealed() -> None:
    [(_, hidden, erased, law), *_] = fate("user_account.email")
    assert (hidden, erased) == (date(2027, 1, 1), date(2027, 12, 2))
    assert law == ["it.registration", "dpdp.one-year"]


def test_a_condition_of_the_operator_binds() -> None:
    [(_, _, erased, law), *_] = fate("user_account.email", "cloud_service_provider")
    assert (erased, law[-1]) == (date(2031, 12, 2), "certin.subscribers")


def test_the_access_log_waits_for_nothing() -> None:
    assert [law for *_, law in fate("access_entry.address")] == [[]]


def test_it_is_said_in_words() -> None:
    lines = "\n".join(told(explain("usage_record.model", TODAY, statutes())))
    for part in (
        "usage_record.model: the model that answered",
        "of people with an account; we are the fiduciary",
        "keep.usage-logs: 90 days from processed_at",
        "today, 2026-12-01: leaves the product 90 days from processed_at",
        "from 2027-05-13",
        "then sealed for 1 year from processed_at: DPDP Rules 2025, rule 8(3)",
    ):
        assert part in lines


def test_every_column_can_be_explained() -> None:
    for each in datamap.entries():
        assert told(explain(f"{each.table}.{each.column}", TODAY, statutes()))


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownColumn):
        explain("usage_record.words", TODAY, statutes())


def test_what_an_operator_can_say_is_what_rows_ask() -> None:
    assert frozenset(CONDITIONS) == SETTABLE
    assert {row.when for row in statutes().rows if row.when} == SETTABLE
