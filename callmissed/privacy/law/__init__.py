"""Indian law on keeping as dated rows, and the solver that says when a row leaves the product and when it is erased.

`statutes()` are the rows of `india.toml`; `decide(bounds(...))` takes promise × law × day × holds.
"""

from callmissed.privacy.law.classes import (
    RECOVERY,
    SEALED_ON_LEAVING,
    Term,
    anchors_of,
    bounds,
    classes_of,
    classes_of_table,
    term_of,
)
from callmissed.privacy.law.periods import Period, begins, day_of
from callmissed.privacy.law.rows import (
    CONDITIONS,
    Anchor,
    DataClass,
    Duty,
    Law,
    LawWrong,
    Statutes,
    binding,
    read,
    statutes,
)
from callmissed.privacy.law.solver import Bound, Decision, decide

__all__ = [
    "CONDITIONS",
    "RECOVERY",
    "SEALED_ON_LEAVING",
    "Anchor",
    "Bound",
    "DataClass",
    "Decision",
    "Duty",
    "Law",
    "LawWrong",
    "Period",
    "Statutes",
    "Term",
    "anchors_of",
    "begins",
    "binding",
    "bounds",
    "classes_of",
    "classes_of_table",
    "day_of",
    "decide",
    "read",
    "statutes",
    "term_of",
]
