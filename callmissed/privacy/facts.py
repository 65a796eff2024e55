"""What only the operator can say: who runs the installation, where it stands, who answers complaints."""

import re
from dataclasses import dataclass

from callmissed.foundation.problems import Problem
from callmissed.privacy.gstin import is_gstin

CIN = re.compile(
    r"[LU][0-9]{5}[A-Z]{2}(19|20)[0-9]{2}(PLC|PTC|OPC|NPL|GOI|SGC|FTC|FLC|GAP|GAT|ULL|ULT)[0-9]{6}"
)
"""Corporate Identity Number: listing, industry, state, year, kind, registration number (Companies Act 2013)."""

PLACEHOLDER = re.compile(
    r"x{3,}|pending|\bto be\b|\btbd\b|sample|example|\byour\b|placeholder|lorem", re.IGNORECASE
)


class OperatorUnknown(Problem):
    """Production does not start before the operator's legal identity is configured (Policy §13)."""

    code = "operator_unknown"


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about the installation and its operator, as configured. Empty where nobody has said."""

    region: str = ""
    hosting: str = ""
    legal_name: str = ""
    registered_office: str = ""
    cin: str = ""
    gstin: str = ""
    grievance_officer: str = ""
    grievance_email: str = ""
    production: bool = False
    law_applies: frozenset[str] = frozenset()
    """What the operator says of itself, for rows of law that bind only some: names of `law.CONDITIONS`."""

    def legal(self) -> dict[str, str]:
        """The four facts that the policy publishes about the operator (Policy §13)."""
        names = ("legal_name", "registered_office", "cin", "gstin")
        return {name: str(getattr(self, name)).strip() for name in names}


def wrong_facts(facts: Facts) -> dict[str, str]:
    """Which published facts are not in order, and why: name of the fact to the reason."""
    wrong: dict[str, str] = {}
    for name, value in facts.legal().items():
        if not value:
            wrong[name] = "missing"
        elif PLACEHOLDER.search(value):
            wrong[name] = "a placeholder"
        elif name == "cin" and not CIN.fullmatch(value):
            wrong[name] = "not a company number"
        elif name == "gstin" and not is_gstin(value):
            wrong[name] = "its check character is wrong"
    return wrong


def refuse_unready(facts: Facts) -> None:
    """Raise OperatorUnknown in production unless the operator's identity is published (Policy §13)."""
    wrong = wrong_facts(facts) if facts.production else {}
    if wrong:
        settings = ", ".join(f"CALLMISSED_{name.upper()} is {why}" for name, why in wrong.items())
        raise OperatorUnknown(f"{OperatorUnknown.default_message()} {settings}.")
