"""What the published policy of 4 June 2026 says, as values that can be held against the law.

Where the installation itself keeps the value (a limit in code, the operator's facts), it is read from there: whoever mends it
there mends the finding.
"""

from dataclasses import dataclass

from callmissed.privacy.facts import Facts, wrong_facts
from callmissed.privacy.law import RECOVERY
from callmissed.privacy.promises.keeping import LIMIT_DAYS


@dataclass(frozen=True, slots=True)
class Said:
    """The policy's claims. The defaults are those of the published text; section numbers are its own."""

    usage_days: int = LIMIT_DAYS
    """§5: usage logs up to so many days."""
    recovery_days: int = RECOVERY.days
    """§5: days of recovery, then permanent deletion."""
    sealed_after_recovery: bool = False
    """§5: whether it says that law makes some of it stay sealed."""
    row_by_row: bool = False
    """§5, §6: whether what law makes us keep is told row by row, with its rule and its end."""
    security_log_days: int | None = None
    """§5: security logs, in days; the text has no number."""
    payment_years: int = 7
    payment_years_are_least: bool = False
    """§5: "up to" so many years is a ceiling."""
    backup_days: int = 90
    backup_days_are_most: bool = False
    """§5: "typically" is no bound."""
    content_ends: bool = False
    """§5: whether conversations of active accounts have an end."""
    resolve_days: int = 15
    """§14: complaints are resolved within so many days."""
    appeal_told: bool = False
    """§14: whether the Grievance Appellate Committee is named."""
    receipt_by_mailbox: bool = False
    """§14: whether the clock of a complaint starts at the mailbox."""
    wrong_facts: tuple[str, ...] = ("registered_office", "cin", "gstin", "grievance_officer")
    """§13, §14: facts about the operator that are missing, malformed or placeholders."""
    breach_threshold: bool = True
    """§10: only breaches "likely to affect your rights"."""
    breach_contact: bool = False
    """§10: whether a letter names who can answer."""
    breach_hours_told: bool = False
    """§10, §11: whether the six hours of CERT-In are told."""
    grounds: frozenset[str] = frozenset({"contract", "consent"})
    """§1: legal grounds that are named."""
    ground_for_each: bool = False
    """§1: whether each kind of data has its ground."""
    unconditional: bool = False
    withdraw_where_given: bool = False
    """§7: whether consent is withdrawn by the same act as it is given."""
    partners_in_report: bool = False
    """§4: whether who asks for access is told the partners."""
    languages: int = 1
    minors_expected_asked: bool = False
    """§9: whether businesses say that children may write to their bots."""
    answer_days_told: bool = False
    """§6: whether the days for access and correction are published."""
    new_purpose_asks: bool = False
    """§12: whether a new purpose waits for consent."""
    reminder_months: int | None = None
    improvement_only_anonymous: bool = False
    """§2: "where possible" leaves room for raw data."""
    logs_stay_in_india: bool = False
    """§3: "ordinarily"."""
    processor_hold_told: bool = False
    """§1, §5: whether a business is told that law may keep what it deletes."""
    no_training_proven: bool = False
    """§1: whether the promise on training is checked."""
    gag_told: bool = False
    nominee_means: bool = False
    """§6: whether the way to nominate is described."""
    voice_disclosed: bool = False
    """Whether callers are told that they speak with a machine, and that they are recorded."""
    roles_told: bool = False
    """Whether it says where we are fiduciary and where processor."""


PUBLISHED = Said()
"""The text of 4 June 2026, its placeholders included."""


def said_here(facts: Facts, checked: frozenset[str]) -> Said:
    """The published text as this installation makes it true: with its operator's facts and the promises it checks.

    Production never starts with wrong facts; a laptop shows them.
    """
    wrong = tuple(wrong_facts(facts)) + (() if facts.grievance_officer.strip() else ("grievance_officer",))
    return Said(wrong_facts=wrong, no_training_proven="content.no-training" in checked)
