"""Promises on where data is (Policy §3): in India."""

from typing import Any

from callmissed.privacy.promises.engine import Finding, Look, judge, promise, unknown

_ = str

INDIA = "IN"
CALLS = "SELECT region, count(*) AS calls FROM usage_record GROUP BY region ORDER BY region"


@promise(
    "store.india",
    3,
    _("We store and process personal data in India, unless we have told you otherwise in writing."),
    asks=["gateway.upstreams"],
)
async def india(look: Look) -> Finding:
    """Region of the installation, of every upstream in use, and of every call of the last 90 days."""
    here = look.facts.region.strip().upper()
    if not here:
        return unknown(_("Where this installation stands has not been configured."))
    upstreams: dict[str, dict[str, Any]] = look.ask("gateway.upstreams")
    places = {"this installation": here}
    places |= {name: str(each["region"]).upper() for name, each in upstreams.items() if each["enabled"]}
    abroad = sorted(name for name, region in places.items() if not in_india(region))
    calls = await look.rows(CALLS)
    strayed = sum(row["calls"] for row in calls if not in_india(row["region"]))
    return judge(
        not abroad and not strayed,
        {
            "places": len(places),
            "in_india": len(places) - len(abroad),
            "calls": sum(row["calls"] for row in calls),
            "calls_abroad": strayed,
            "names": ", ".join(abroad) or "–",
        },
        kept=_("%(in_india)s of %(places)s places are in India; 0 of %(calls)s calls went abroad"),
        broken=_("%(in_india)s of %(places)s places are in India; %(calls_abroad)s calls went abroad"),
        explanation=_(
            "Outside India, and nobody was told before: %(names)s. They are switched off, or everyone is told first."
        ),
        looked_at=_(
            "The region of the databases and files, of every model supplier in use, and of every call of 90 days."
        ),
        query=CALLS,
        found=[{_("place"): name, _("region"): region} for name, region in places.items()],
    )


def in_india(region: str) -> bool:
    """Whether a region, an ISO 3166 country with or without a place in it, is in India."""
    return region.strip().upper().split()[:1] == [INDIA]
