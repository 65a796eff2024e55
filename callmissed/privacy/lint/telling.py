"""Findings on what the policy tells: grounds, breaches, changes, who we are (Policy §1, §2, §10, §12, §13), and on voice."""

from callmissed.privacy.lint.rules import Rule

GROUNDS = frozenset({"consent", "volunteered", "law"})
"""What DPDP Act 2023 knows: consent (s. 6), and of s. 7 what was volunteered (a) and what law asks for (d, e)."""

MONTHS_OF_REMINDER = 3

RULES = (
    Rule(
        "C9",
        13,
        ("it.officer", "ecommerce.identity", "dpdp.officer"),
        "Who we are: %(wrong)s.",
        "Name, office, company number, GSTIN and a named grievance officer must be published; a placeholder is none.",
        "Configure them. Production does not start before.",
        lambda said, _law, _on: bool(said.wrong_facts),
        also=("L11",),
    ),
    Rule(
        "C10",
        10,
        ("dpdp.breach-people",),
        "People are told of a breach that is likely to affect their rights.",
        "Rule 7 knows no threshold: every breach, every person, loss of access included.",
        "Tell everybody whose data was touched, of every breach.",
        lambda said, _law, _on: said.breach_threshold,
        also=("L6",),
    ),
    Rule(
        "C11",
        10,
        ("dpdp.breach-people", "dpdp.breach-board"),
        "A letter describes the breach, its consequences, measures and safety steps; the Board has a report in 72 hours where required.",
        "A contact who can answer is missing; and 72 hours are always required, unless the Board extends them in writing.",
        "Refuse to send a letter with any of the five members blank, and run the 72 hours in every case.",
        lambda said, _law, _on: not said.breach_contact,
    ),
    Rule(
        "C12",
        10,
        ("certin.report",),
        "Breaches are reported to the Board.",
        "CERT-In must have a report within six hours of when it was noticed or told; the text is silent.",
        "Start the six hours with every incident, beside the other clocks.",
        lambda said, _law, _on: not said.breach_hours_told,
    ),
    Rule(
        "C13",
        1,
        ("dpdp.grounds",),
        "Account data is processed for the performance of a contract.",
        "Indian law has no such ground: there is consent, and what s. 7 lists.",
        "Name what was volunteered for a purpose (s. 7(a), with a way to object), consent (s. 6), or the law that asks for it.",
        lambda said, _law, _on: not said.grounds <= GROUNDS,
        also=("L1",),
    ),
    Rule(
        "L2",
        1,
        ("dpdp.notice", "dpdp.grounds"),
        "Usage, content and payment data have no ground.",
        "The notice must itemise each kind of data with its purpose, and each purpose needs its ground.",
        "Give each kind of data its ground, from the data map.",
        lambda said, _law, _on: not said.ground_for_each,
    ),
    Rule(
        "L13",
        1,
        ("dpdp.processors",),
        "We are a Data Fiduciary.",
        "For the customers of businesses we are their processor: their rights go to the business first.",
        "Say for each kind of data which of the two we are, and take requests to whom they belong.",
        lambda said, _law, _on: not said.roles_told,
    ),
    Rule(
        "C19",
        12,
        ("it.reminder", "dpdp.consent"),
        "Material changes are told 30 days before.",
        "Users are also reminded every three months; and for a new purpose a letter is no consent.",
        "Remind every quarter, and let a new purpose wait until it has its ground.",
        lambda said, _law, _on: (
            not (
                said.new_purpose_asks
                and said.reminder_months is not None
                and said.reminder_months <= MONTHS_OF_REMINDER
            )
        ),
    ),
    Rule(
        "C20",
        2,
        ("dpdp.grounds",),
        "The product is improved with aggregated or anonymous data where possible.",
        "“Where possible” leaves room for raw data, for which there is no ground.",
        "Use only groups of at least ten, or ask for consent.",
        lambda said, _law, _on: not said.improvement_only_anonymous,
    ),
    Rule(
        "C23",
        1,
        ("dpdp.safeguards",),
        "Content never trains models of others.",
        "It must be possible to show it: contracts on record, and what went where.",
        "Check every supplier in use and every call that was made.",
        lambda said, _law, _on: not said.no_training_proven,
        also=("L12",),
    ),
    Rule(
        "C27",
        11,
        ("it.synthetic",),
        "Of voice the policy says nothing.",
        "A voice that seems human needs a disclosure at its beginning; a recording is told before it starts.",
        "First words of every call: that it is a machine, and that it is recorded. Nobody can switch it off.",
        lambda said, _law, _on: not said.voice_disclosed,
    ),
)
