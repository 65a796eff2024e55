"""Findings on keeping and deleting (Policy §3 and §5)."""

from callmissed.privacy.lint.rules import Rule, floor_days

RULES = (
    Rule(
        "C1",
        5,
        ("certin.logs", "dpdp.one-year", "dpdp.security-year", "osp.call-records"),
        "Usage logs are kept for up to %(usage_days)s days, then made anonymous or deleted.",
        "Logs with addresses and devices must be kept for 180 days today, and traffic data for a year from 13 May 2027."
        " Anonymous logs do not count: it must be possible to say who it was.",
        "Say: %(usage_days)s days in the product; after that, sealed where nobody can use it, for as long as law asks.",
        lambda said, law, on: (
            not said.sealed_after_recovery
            and said.usage_days < floor_days(law, on, "system_log", "access_log", "traffic")
        ),
        also=("L3",),
    ),
    Rule(
        "C2",
        5,
        ("it.registration", "certin.subscribers", "dpdp.one-year"),
        "After a request, %(recovery_days)s days of recovery, then account and conversations are deleted for good.",
        "Registration details must be kept for 180 days after the account ended; from 13 May 2027 personal data for a year"
        " from each processing.",
        "Delete in two steps: on day %(recovery_days)s it leaves the product; what law names lies sealed until its own day, row"
        " by row, and is then destroyed.",
        lambda said, law, on: (
            not said.sealed_after_recovery
            and said.recovery_days < floor_days(law, on, "registration", "personal_data")
        ),
        also=("L3",),
    ),
    Rule(
        "C3",
        5,
        ("dpdp.purpose-spent",),
        "Deletion is subject to legal retention.",
        "Law lets us refuse erasure only as far as it makes us keep. Keeping everything for a year would itself be the breach.",
        "Keep only the columns that a row of law names, each with its citation and its end; nobody uses them for anything else.",
        lambda said, _law, _on: not said.row_by_row,
    ),
    Rule(
        "C4",
        5,
        ("dpdp.purpose-spent",),
        "Backups are typically purged within %(backup_days)s days of deletion.",
        "Nobody can test “typically”, and sealed data starts the clock later than deletion.",
        "Make it a bound: %(backup_days)s days after the key was destroyed, no backup can hold it. Erase again after a restore.",
        lambda said, _law, _on: not said.backup_days_are_most,
        also=("L8",),
    ),
    Rule(
        "C5",
        5,
        ("companies.books", "gst.books", "income-tax.books"),
        "Payment and tax records are kept for up to %(payment_years)s years.",
        "“Up to” is a ceiling where law sets a floor, and company books are kept for eight financial years.",
        "Say: at least eight financial years, and until 72 months after the annual return was due; then deleted.",
        lambda said, law, on: (
            not said.payment_years_are_least or said.payment_years * 365.25 < floor_days(law, on, "books")
        ),
        also=("L5",),
    ),
    Rule(
        "C6",
        5,
        ("certin.logs", "dpdp.security-year"),
        "Security logs are kept as Indian directions require.",
        "There is no number: 180 days today, one year from 13 May 2027.",
        "Keep them as long as the longest row in force asks, and publish the number.",
        lambda said, law, on: (said.security_log_days or 0) < floor_days(law, on, "system_log"),
        also=("L4",),
    ),
    Rule(
        "C21",
        3,
        ("certin.india",),
        "Data is ordinarily kept in India.",
        "Logs must be within Indian jurisdiction always, not ordinarily; and a supplier of models abroad is a transfer.",
        "Say it of logs and books without “ordinarily”, and check the region of every place they go to.",
        lambda said, _law, _on: not said.logs_stay_in_india,
    ),
    Rule(
        "C22",
        5,
        ("dpdp.one-year",),
        "A business deletes conversations as it likes.",
        "For its customers we are its processor, and the year of rule 8(3) binds what processors hold too.",
        "Tell businesses that what they delete may lie sealed for a year; a business that reads the rule more narrowly states so,"
        " on record.",
        lambda said, _law, _on: not said.processor_hold_told,
    ),
    Rule(
        "C28",
        5,
        ("dpdp.purpose-spent",),
        "Data of active accounts is kept for the life of the account.",
        "Conversations whose purpose is spent must go, though the account goes on.",
        "Let each business set how long conversations live, not below what law asks, with an end by default.",
        lambda said, _law, _on: not said.content_ends,
    ),
)
