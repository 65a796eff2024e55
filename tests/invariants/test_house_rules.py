"""Each house rule catches each of its bad examples, lets its good ones pass, and the tree is clean."""

from pathlib import Path

import pytest

from tools.house.__main__ import RULES
from tools.house.rules import Rule, Source, judge, judge_tree

ROOT = Path(__file__).resolve().parents[2]
BY_CODE = {rule.code: rule for rule in RULES}
BAD = [pytest.param(rule, text, id=f"{rule.code}-{n}") for rule in RULES for n, text in enumerate(rule.bad)]
GOOD = [pytest.param(rule, text, id=f"{rule.code}-{n}") for rule in RULES for n, text in enumerate(rule.good)]


def codes(rule: Rule, text: str, path: str | None = None) -> list[str]:
    return [finding.code for finding in judge(Source(path or rule.example_path, text), [rule])]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_bad_example_is_caught(rule: Rule, text: str) -> None:
    assert rule.code in codes(rule, text)


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_good_example_passes(rule: Rule, text: str) -> None:
    assert codes(rule, text) == []


def test_every_rule_has_been_seen_failing() -> None:
    assert len(BY_CODE) == len(RULES)
    assert all(rule.bad and rule.message for rule in RULES)


def test_the_tree_is_clean() -> None:
    findings = judge_tree(ROOT, RULES)
    assert not findings, "\n".join(map(str, findings))


def test_one_place_is_exempt_from_its_own_rule() -> None:
    text = "await session.commit()"
    assert codes(BY_CODE["commit"], text, "callmissed/foundation/database/transactions.py") == []
    assert codes(BY_CODE["commit"], text, "callmissed/foundation/jobs.py") == ["commit"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("x.commit()  # house: commit the ledger of the vendor, not ours", []),
        ("# house: commit the ledger of the vendor, not ours\nx.commit()", []),
        ("# house: commit the ledger of the vendor,\n# which is not ours\nx.commit()", []),
        ("x.commit()  # house: commit", ["commit", "unused"]),
        ("x.commit()  # house: clock the wrong code given", ["commit", "unused"]),
        ("x.begin()  # house: commit nothing here to suppress", ["unused"]),
    ],
)
def test_suppression_needs_its_code_and_a_reason(text: str, left: list[str]) -> None:
    assert sorted(codes(BY_CODE["commit"], text)) == left


def test_suppression_in_a_template() -> None:
    text = '{# house: third-party shown to the operator alone #}\n<img src="https://a.example/x.png">'
    assert codes(BY_CODE["third-party"], text) == []


def test_broken_file_is_a_finding() -> None:
    assert codes(BY_CODE["commit"], "def (") == ["syntax"]


def test_line_of_a_template_offence() -> None:
    [finding] = judge(Source("callmissed/site/templates/a.html", "{% if\n a %}\n<p style='x'>"), RULES)
    assert (finding.line, finding.code) == (3, "inline-style")
