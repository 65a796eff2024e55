"""Findings on rights, consent, children and complaints (Policy §4, §6, §7, §9, §14)."""

from callmissed.privacy.lint.rules import Rule, hours

HOURS_A_DAY = 24
LANGUAGES = 23
"""English, and the 22 of the Eighth Schedule of the Constitution."""

RULES = (
    Rule(
        "C7",
        14,
        ("it.resolve",),
        "Complaints are resolved within %(resolve_days)s days.",
        "Since 20 February 2026 it is seven days; 36 hours for removal, two hours for intimate images and impersonation.",
        "Promise seven days and name the shorter lanes. Whatever is promised, the shortest clock in force is the one that runs.",
        lambda said, law, _on: said.resolve_days * HOURS_A_DAY > hours(law, "it.resolve"),
    ),
    Rule(
        "C8",
        14,
        ("it.appeal",),
        "Who is not satisfied may go to the Data Protection Board.",
        "For matters under the IT Rules the way is the Grievance Appellate Committee, within 30 days.",
        "Name both in every decision: the Committee for content and service, the Board for data once we have answered.",
        lambda said, _law, _on: not said.appeal_told,
    ),
    Rule(
        "C24",
        14,
        ("it.acknowledge",),
        "Complaints are sent by e-mail and acknowledged within 24 hours of receipt.",
        "Receipt is when the mailbox has it, not when somebody reads it; there are no working days in the rule.",
        "Take the time from the mailbox and acknowledge by machine, weekends too.",
        lambda said, _law, _on: not said.receipt_by_mailbox,
    ),
    Rule(
        "C14",
        7,
        ("dpdp.consent", "dpdp.withdrawal"),
        "Consent is free, specific, informed and unambiguous, and is withdrawn in the settings or by writing to us.",
        "“Unconditional” is missing; and where writing is the only way, taking it back is harder than giving it.",
        "One switch for each purpose, where it was given; no service that depends on marketing.",
        lambda said, _law, _on: not (said.unconditional and said.withdraw_where_given),
    ),
    Rule(
        "C15",
        4,
        ("dpdp.access",),
        "Names of partners are not published.",
        "That is allowed; but who asks for access must be told every one that had their data.",
        "Print the partners, by name, in each access report and in the schedule for customers.",
        lambda said, _law, _on: not said.partners_in_report,
        also=("L7",),
    ),
    Rule(
        "C16",
        7,
        ("dpdp.languages",),
        "The policy is there in %(languages)s language(s).",
        "From 13 May 2027 everybody may choose English or one of 22 languages.",
        "Have all 23, each bound to the sentence it translates, and keep which one a person saw.",
        lambda said, _law, _on: said.languages < LANGUAGES,
        also=("L10",),
    ),
    Rule(
        "C17",
        9,
        ("dpdp.children",),
        "We do not knowingly collect data of minors, and delete it promptly.",
        "Not knowing is no defence where a business's bot talks to children; and deleting at once meets the minimums of law.",
        "Let a business say that children may write to it; on a sign of a child stop, seal, track nothing, tell the business.",
        lambda said, _law, _on: not said.minors_expected_asked,
        also=("L14",),
    ),
    Rule(
        "C18",
        6,
        ("dpdp.rights-published",),
        "Rights are answered within the prescribed time.",
        "Law prescribes none but for grievances; the way and the period must be published.",
        "Publish numbers: access and correction in 30 days, erasure acknowledged in 72 hours, grievances in seven days.",
        lambda said, _law, _on: not said.answer_days_told,
        also=("L9",),
    ),
    Rule(
        "C25",
        6,
        ("dpdp.gag",),
        "You can see what we do with your data, and have it erased.",
        "A hold or an order under rule 23 may forbid both the erasure and saying why.",
        "Leave such disclosures out of reports, skip what is held, and let neither show the reason.",
        lambda said, _law, _on: not said.gag_told,
    ),
    Rule(
        "C26",
        6,
        ("dpdp.nominate",),
        "You can nominate somebody for death or incapacity.",
        "Law leaves the means to us, and the text describes none.",
        "Describe them: how to nominate, what is shown when it happens, what the nominee may do.",
        lambda said, _law, _on: not said.nominee_means,
    ),
)
