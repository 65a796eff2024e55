"""The public record of a running installation: what the checks found, the data map's notice, and today's prices."""

from typing import Any

from callmissed.billing import WELCOME_CREDIT
from callmissed.foundation import clock
from callmissed.foundation.audit import proof_of
from callmissed.foundation.i18n import t
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams
from callmissed.privacy import PolicyPage, policy_page, policy_versions
from callmissed.site.record import (
    Collected,
    Counts,
    Entity,
    Leaf,
    Offer,
    Officer,
    Policy,
    PolicyChange,
    Price,
    Promised,
    Section,
)

_ = str

SHOWN_MODELS = 4
SABOTEUR = _("on purpose, in the tests of this version")


class LivingRecord:
    """The `PublicRecord` over this process's services; written in the language being spoken."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def versions(self) -> list[PolicyChange]:
        """Every version of the policy, newest first."""
        async with self._services.db.control() as tx:
            return [as_change(each) for each in await policy_versions.all_versions(tx)]

    async def policy(self) -> Policy:
        """The policy with the verdict of every promise, as stored; runs no check."""
        return as_policy(await policy_page(self._services))

    async def proof(self, promise: str) -> dict[str, Any] | None:
        """The parts a browser verifies the promise's leaf from; None while it is not sealed."""
        page = await policy_page(self._services)
        standings = (standing for _, held in page.sections.values() for standing in held)
        leaf = next((each.leaf_id for each in standings if each.promise.id == promise), None)
        return await proof_of(self._services.db, PLATFORM, leaf) if leaf else None

    async def offer(self) -> Offer:
        """The first models that can be used now, with what they charge for reading and writing."""
        routes = self._services.get(Upstreams).models(india_only=False)[:SHOWN_MODELS]
        unit = t("10 lakh tokens read; written: ₹%(price)s")
        prices = [
            Price(
                route.model.name, unit % {"price": route.model.price_out // 1_000_000}, route.model.price_in
            )
            for route in routes
        ]
        return Offer(prices, WELCOME_CREDIT)


def as_policy(page: PolicyPage) -> Policy:
    """What the privacy room says, in the shape the pages draw."""
    facts = page.facts
    return Policy(
        version=str(page.version.number),
        effective_on=page.updated_at.astimezone(clock.IST).date(),
        updated_on=page.updated_at.astimezone(clock.IST).date(),
        counts=Counts(page.tally.kept, page.tally.broken, page.tally.unknown),
        checked_at=page.checked_at,
        sections=[
            Section(number, title, [as_promised(number, standing) for standing in standings])
            for number, (title, standings) in sorted(page.sections.items())
        ],
        collected=[as_collected(line) for line in page.held],
        entity=Entity(facts.legal_name, facts.registered_office, facts.cin, facts.gstin),
        grievance_officer=Officer(facts.grievance_officer, facts.grievance_email, facts.registered_office),
        coming=as_change(page.coming) if page.coming else None,
    )


def as_change(version: policy_versions.Version) -> PolicyChange:
    """One version, its changes told in the language being spoken."""
    published = version.published_at or version.effective_at or clock.now()
    return PolicyChange(
        number=version.number,
        published_on=published.astimezone(clock.IST).date(),
        effective_on=version.effective_at and version.effective_at.astimezone(clock.IST).date(),
        how=version.notice,
        changes=[each.told() for each in version.changes],
        summary=version.summary,
    )


def as_promised(section: int, standing: Any) -> Promised:
    """One promise with what its last check found; `standing` is the privacy room's."""
    found, leaf = standing.finding, standing.leaf
    return Promised(
        id=standing.promise.id,
        clause=str(section),
        sentence=standing.promise.sentence,
        verdict=found.verdict,
        headline=found.headline,
        checked_at=standing.checked_at,
        looked_at=found.looked_at,
        query=found.query,
        found=found.found,
        explanation=found.explanation,
        audit=Leaf(str(leaf.position), leaf.checkpoint, leaf.signed_at, provable=True) if leaf else None,
        seen_failing=SABOTEUR if standing.promise.check else None,
        history=standing.history,
        figures=found.figures,
    )


def as_collected(line: Any) -> Collected:
    """One line of the privacy room's notice, in words."""
    event = line.until and t(line.until)
    kept = t("%(n)s days", n=line.days) if line.days else t("until %(event)s", event=event)
    data = ", ".join(t(what) for what in line.what)
    return Collected(
        f"{t(line.category)} {t(line.whose)}", data, line.purposes, ", ".join(map(t, line.grounds)), kept
    )
