"""The policy held against the law: the findings of the review, each seen going away when its clause is mended."""

from dataclasses import replace
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import pytest

from callmissed.app import tables
from callmissed.foundation import datamap
from callmissed.foundation.datamap import Keep
from callmissed.privacy.law import read
from callmissed.privacy.lint import PUBLISHED, RULES, MapWrong, check_map, lint
from callmissed.privacy.lint.tables import map_findings

tables.load()
TODAY, COMMENCEMENT = date(2026, 12, 1), date(2027, 5, 13)
IN_FORCE = {"C1", "C2", "C5", "C6", "C7", "C8", "C9", "C12", "C19", "C21", "C24", "C27"}
REVIEW = {f"C{number}" for number in range(1, 29)} | {f"L{number}" for number in range(1, 15)}
"""The two lists of the review of the published text."""

MENDED: dict[str, dict[str, Any]] = {
    "C1": {"sealed_after_recovery": True},
    "C2": {"sealed_after_recovery": True},
    "C3": {"row_by_row": True},
    "C4": {"backup_days_are_most": True},
    "C5": {"payment_years": 9, "payment_years_are_least": True},
    "C6": {"security_log_days": 366},
    "C7": {"resolve_days": 7},
    "C8": {"appeal_told": True},
    "C9": {"wrong_facts": ()},
    "C10": {"breach_threshold": False},
    "C11": {"breach_contact": True},
    "C12": {"breach_hours_told": True},
    "C13": {"grounds": frozenset({"volunteered", "consent", "law"})},
    "C14": {"unconditional": True, "withdraw_where_given": True},
    "C15": {"partners_in_report": True},
    "C16": {"languages": 23},
    "C17": {"minors_expected_asked": True},
    "C18": {"answer_days_told": True},
    "C19": {"new_purpose_asks": True, "reminder_months": 3},
    "C20": {"improvement_only_anonymous": True},
    "C21": {"logs_stay_in_india": True},
    "C22": {"processor_hold_told": True},
    "C23": {"no_training_proven": True},
    "C24": {"receipt_by_mailbox": True},
    "C25": {"gag_told": True},
    "C26": {"nominee_means": True},
    "C27": {"voice_disclosed": True},
    "C28": {"content_ends": True},
    "L2": {"ground_for_each": True},
    "L13": {"roles_told": True},
}
"""What of the text would have to change for a finding to go."""


def ids(found: list[Any], *, in_force: bool = True) -> set[str]:
    return {each.id for each in found if each.in_force is in_force and not each.tables}


def test_the_published_text_has_the_findings_of_the_review() -> None:
    found = lint(PUBLISHED, TODAY)
    names = {name for each in found for name in (each.id, *each.also)}
    assert names >= REVIEW
    assert ids(found) == IN_FORCE
    assert ids(lint(PUBLISHED, COMMENCEMENT)) == {rule.id for rule in RULES} == set(MENDED)
    assert ids(lint(PUBLISHED, COMMENCEMENT - timedelta(days=1))) == IN_FORCE


@pytest.mark.parametrize("name", sorted(MENDED))
def test_a_finding_goes_when_its_clause_is_mended_and_takes_no_other_along(name: str) -> None:
    mended = replace(PUBLISHED, **MENDED[name])
    gone = ids(lint(PUBLISHED, COMMENCEMENT)) - ids(lint(mended, COMMENCEMENT))
    assert gone == ({"C1", "C2"} if name in {"C1", "C2"} else {name})


def test_a_number_that_is_still_too_small_stays_a_finding() -> None:
    later = date(2027, 6, 1)
    nearly = replace(PUBLISHED, usage_days=364, security_log_days=180, resolve_days=8, payment_years=7)
    assert {"C1", "C5", "C6", "C7"} <= ids(lint(nearly, later))
    assert "C6" not in ids(lint(nearly, TODAY)), "180 days are enough until 13 May 2027"
    assert "C1" not in ids(lint(replace(PUBLISHED, usage_days=180), TODAY))


def test_every_finding_has_both_citations_and_a_proposal() -> None:
    for each in lint(PUBLISHED, TODAY):
        assert each.clause.startswith("§")
        assert each.law
        assert all(row.citation for row in each.law)
        assert min(len(each.says), len(each.why), len(each.cure)) > 20
        assert "%(" not in each.says + each.why + each.cure


def test_one_changed_row_of_law_moves_the_day_of_its_findings() -> None:
    """Should the day be brought forward, one line of the file follows; what was accepted before is open again."""
    text = files("callmissed.privacy.law").joinpath("india.toml").read_text("utf-8")
    earlier = read(text.replace("from = 2027-05-13", "from = 2026-11-13"))
    now, then = lint(PUBLISHED, TODAY, earlier), lint(PUBLISHED, TODAY)
    assert "C16" in ids(now) - ids(then)
    digests = {each.id: each.digest for each in then}
    assert {each.id for each in now if each.digest != digests.get(each.id)} >= {"C16", "map.dpdp.one-year"}
    assert digests["C7"] == {each.id: each.digest for each in now}["C7"]


def test_tables_that_law_would_keep_longer_are_named() -> None:
    found = {each.id: each for each in map_findings(TODAY, read_law())}
    assert "map.it.registration" not in found, "what is registered is sealed when the account is erased"
    assert {"usage_record", "message"} <= set(found["map.dpdp.one-year"].tables)
    assert not found["map.dpdp.one-year"].in_force
    named = {name for each in found.values() for name in each.tables}
    assert "access_entry" not in named, "a year and a day is enough for every row of law"
    assert "ledger_entry" not in named


def test_a_condition_brings_its_rows() -> None:
    [alone] = [each for each in lint(PUBLISHED, TODAY) if each.id == "C2"]
    [bound] = [
        each
        for each in lint(PUBLISHED, TODAY, conditions=frozenset({"cloud_service_provider"}))
        if each.id == "C2"
    ]
    assert {row.id for row in bound.law} - {row.id for row in alone.law} == {"certin.subscribers"}


def test_a_map_that_contradicts_its_promise_is_refused() -> None:
    table = next(each for each in datamap.tables() if each.name == "usage_record")
    row, honest = table.info["row"], table.info["row"].__keep__
    row.__keep__ = Keep(days=91, anchor="at", promise="keep.usage-logs")
    try:
        with pytest.raises(
            MapWrong, match=r"table usage_record is kept for 91 days .* promises 90 at most: shorten"
        ):
            lint(PUBLISHED, TODAY)
    finally:
        row.__keep__ = honest
    check_map()


def read_law() -> Any:
    return read(files("callmissed.privacy.law").joinpath("india.toml").read_text("utf-8"))
