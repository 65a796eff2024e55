"""Every promise of the published policy: its sentence in our own words, and its check on the live installation.

One module per subject; `unwritten` holds the sentences that no program checks yet. `promises()` gives all of them in the
order in which a reader meets them.
"""

from callmissed.privacy.promises import (
    collection,
    consent,
    content,
    keeping,
    lawful,
    leaving,
    operator,
    safety,
    staff,
    storage,
    unwritten,
    usage,
)
from callmissed.privacy.promises.engine import Promise, declared

MODULES = (
    collection,
    consent,
    content,
    keeping,
    lawful,
    leaving,
    operator,
    safety,
    staff,
    storage,
    unwritten,
    usage,
)
"""Imported for their effect: each declares its promises."""

ORDER = [
    "collect.account",
    "collect.idp",
    "collect.usage",
    "collect.improvement",
    "collect.content",
    "content.isolated",
    "content.no-training",
    "content.no-sale",
    "payment.minimal",
    "payment.no-card",
    "use.purposes",
    "use.plan",
    "use.rate-limits",
    "use.transactional",
    "use.marketing",
    "use.lawful-requests",
    "store.india",
    "store.backups-india",
    "safe.transit",
    "safe.rest",
    "safe.least-privilege",
    "safe.hashed-secrets",
    "safe.monitoring",
    "safe.backups",
    "safe.confidentiality",
    "partner.instructed",
    "partner.schedule",
    "keep.active",
    "keep.deleted-account",
    "keep.usage-logs",
    "keep.security-logs",
    "keep.payments",
    "keep.backups",
    "right.access",
    "right.correct",
    "right.erase",
    "right.grievance",
    "right.nominate",
    "right.withdraw",
    "right.in-time",
    "right.escalate",
    "consent.quality",
    "consent.prospective",
    "cookies.essential",
    "cookies.no-ads",
    "children.none",
    "breach.people",
    "breach.board",
    "change.notice",
    "change.date",
    "entity.published",
    "grievance.officer",
    "grievance.ack",
    "grievance.resolve",
    "grievance.spdi",
]
"""The ids in the order of the published policy."""


def promises() -> tuple[Promise, ...]:
    """All promises in the policy's order; one that ORDER forgot comes last in its section."""
    place = {name: number for number, name in enumerate(ORDER)}
    return tuple(
        sorted(declared().values(), key=lambda each: (each.section, place.get(each.id, len(place)), each.id))
    )
