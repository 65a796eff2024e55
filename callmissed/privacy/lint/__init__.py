"""Holding the policy against the law: each place where they do not agree, with both citations and a proposal.

The numbers C1 to C28, L2 and L13 are those of the review of the published text; `also` are the other names of that review.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from callmissed.privacy.law import Statutes, statutes
from callmissed.privacy.lint import keeping, rights, telling
from callmissed.privacy.lint.rules import Conflict, Rule, apply
from callmissed.privacy.lint.said import PUBLISHED, Said, said_here
from callmissed.privacy.lint.tables import MapWrong, check_map, map_findings

RULES: Sequence[Rule] = sorted(
    (*keeping.RULES, *rights.RULES, *telling.RULES), key=lambda rule: (rule.id[0], int(rule.id[1:]))
)

__all__ = ["PUBLISHED", "RULES", "Conflict", "MapWrong", "Rule", "Said", "check_map", "lint", "said_here"]


def lint(
    said: Said, on: date, law: Statutes | None = None, conditions: frozenset[str] = frozenset()
) -> list[Conflict]:
    """Every finding on that day: first those in force, then those that come with law already known, by their day.

    The text's findings come first, then those of the data map. Raises MapWrong where the map contradicts a promise.
    """
    check_map()
    claims = {**asdict(said), "wrong": ", ".join(name.replace("_", " ") for name in said.wrong_facts)}
    known = law or statutes()
    found = [apply(rule, said, claims, known, on, conditions) for rule in RULES]
    standing = [each for each in found if each is not None]
    standing += map_findings(on, known, conditions)
    return sorted(standing, key=lambda each: (not each.in_force, each.since if not each.in_force else on))
