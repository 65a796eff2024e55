"""Promises of the published policy that no program checks yet. They are shown as *cannot tell*, and say why.

When a room that can answer exists, its promise moves to the module of its subject and gets a check and a saboteur.
"""

from callmissed.privacy.promises.engine import not_yet

_ = str  # marks the sentences for translation; they are spoken when they are shown

not_yet(
    "collect.improvement", 1, _("To improve the product we use totals and anonymous figures, not people.")
)
not_yet(
    "collect.content",
    1,
    _("We handle messages, calls and files only to do what the business you wrote to has set up."),
)
not_yet(
    "payment.minimal",
    1,
    _("About a payment we keep name, e-mail, phone, references, status and amount. Nothing more."),
)
not_yet("use.purposes", 2, _("We use data for the purposes listed here, and for no other."))
not_yet("use.marketing", 2, _("We send marketing only if you said yes."))
not_yet("store.backups-india", 3, _("Encrypted backups stay in India."))
not_yet("safe.transit", 3, _("Data is encrypted on its way."))
not_yet(
    "safe.monitoring",
    3,
    _("Alarms watch the system at all times, and each alarm has someone who answers it."),
)
not_yet("safe.backups", 3, _("We back up every day and practise restoring every week."))
not_yet("partner.instructed", 4, _("Partners work on our written instructions, for stated purposes."))
not_yet("partner.schedule", 4, _("Customers who ask get the current list of partners."))
not_yet(
    "keep.payments", 5, _("Payment and tax records are kept as long as tax law requires, and then they go.")
)
not_yet("keep.backups", 5, _("Backups are gone within 90 days after what is in them was deleted."))
not_yet("right.access", 6, _("You can see what we hold about you and what we do with it."))
not_yet("right.correct", 6, _("You can correct what is wrong."))
not_yet("right.erase", 6, _("You can have your data erased, except where law makes us keep it."))
not_yet("right.grievance", 6, _("You can complain, and you get an answer."))
not_yet("right.nominate", 6, _("You can name someone to act for you after death or in illness."))
not_yet("right.withdraw", 6, _("Taking back your consent is as easy as giving it."))
not_yet("right.in-time", 6, _("We answer every request within the time the law allows."))
not_yet(
    "right.escalate",
    6,
    _("If our answer does not satisfy you, we show you the way to the Data Protection Board."),
)
not_yet(
    "consent.prospective",
    7,
    _("Taking back consent stops what comes after; it does not undo what was lawful before."),
)
not_yet(
    "breach.people",
    10,
    _("If a breach may touch you, we tell you without delay what happened and what you can do."),
)
not_yet(
    "breach.board", 10, _("We tell the Data Protection Board without delay, with details within 72 hours.")
)
not_yet("grievance.officer", 14, _("A named person answers complaints, with address and e-mail."))
not_yet("grievance.ack", 14, _("We confirm every complaint within 24 hours."))
not_yet("grievance.resolve", 14, _("We resolve complaints within 15 days."))
not_yet(
    "grievance.spdi",
    14,
    _("Complaints under the 2011 Rules are settled within one month, others never later than 90 days."),
)
