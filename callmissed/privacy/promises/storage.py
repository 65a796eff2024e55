"""Promises on where data is (Policy §3): in India."""

from typing import Any

from callmissed.privacy.promises.engine import Finding, Look, judge, promise, unknown

_ = str

INDIA = "IN"
CALLS = """
SELECT region, count(*) AS calls, count(*) FILTER (WHERE abroad) AS abroad, count(*) FILTER (WHERE abroad AND india_only) AS unasked
FROM (
  SELECT region, india_only, tried ~ '@(?!IN( |$))' OR (split_part(upper(region), ' ', 1) <> 'IN'
    AND coalesce(problem, '') NOT IN ('upstream_paused', 'upstream_crowded')) AS abroad
  FROM usage_record
) AS call GROUP BY region ORDER BY region
"""
WORKSPACES = """
SELECT count(*) AS unasked FROM tenant t WHERE NOT t.india_only AND NOT EXISTS (
  SELECT FROM audit_leaf l WHERE l.tenant_id = t.id AND l.action = 'identity:tenant:let_leave_india')
"""


@promise(
    "store.india",
    3,
    _("We store and process personal data in India, unless we have told you otherwise in writing."),
    asks=["gateway.upstreams"],
)
async def india(look: Look) -> Finding:
    """Region of the installation, of every upstream in use, and of every call of the last 90 days.

    A call may go abroad for a workspace whose owner or admin was told where to and agreed: its record says so at the time, and
    the audit log holds which places were named. An upstream abroad may therefore be in use; nobody is sent there unasked.
    """
    here = look.facts.region.strip().upper()
    if not here:
        return unknown(_("Where this installation stands has not been configured."))
    upstreams: dict[str, dict[str, Any]] = look.ask("gateway.upstreams")
    places = {"this installation": here}
    places |= {name: str(each["region"]).upper() for name, each in upstreams.items() if each["enabled"]}
    calls = await look.rows(CALLS)
    unasked = sum(row["unasked"] for row in calls)
    [workspaces] = await look.rows(WORKSPACES)
    wrong = [name for name in ("this installation",) if not in_india(places[name])]
    return judge(
        not wrong and not unasked and not workspaces["unasked"],
        {
            "places": len(places),
            "in_india": sum(in_india(region) for region in places.values()),
            "calls": sum(row["calls"] for row in calls),
            "calls_abroad": sum(row["abroad"] for row in calls),
            "calls_unasked": unasked,
            "workspaces_unasked": workspaces["unasked"],
            "names": ", ".join(wrong) or "–",
        },
        kept=_(
            "0 of %(calls)s calls went abroad unasked; %(calls_abroad)s went where their workspace had agreed"
        ),
        broken=_(
            "%(in_india)s of %(places)s places are in India; %(calls_unasked)s calls went abroad unasked; "
            "%(workspaces_unasked)s workspaces let out without a word"
        ),
        explanation=_(
            "Outside India, and nobody was told before: %(names)s. It is switched off, or everyone is told first."
        ),
        looked_at=_(
            "The region of the databases and files, of every model supplier in use, and of every call of 90 days, beside what its "
            "workspace had decided then."
        ),
        query=CALLS,
        found=[{_("place"): name, _("region"): region} for name, region in places.items()],
    )


def in_india(region: str) -> bool:
    """Whether a region, an ISO 3166 country with or without a place in it, is in India."""
    return region.strip().upper().split()[:1] == [INDIA]
