"""Promises on content (Policy §1): kept apart, never used to train, and sent nowhere that is not in the register."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from callmissed.foundation.database import ISOLATION_CHECKS, isolation_findings, tenant_relations
from callmissed.privacy.promises.engine import Finding, Look, judge, promise, require

_ = str


@promise(
    "content.isolated",
    1,
    _("Your messages, calls and files stay in your own partition. No other business can reach them."),
    asks=["isolation.stranger"],
)
async def isolated(look: Look) -> Finding:
    """The isolation catalogue holds on every tenant relation; a stranger's transaction sees nothing."""
    relations = await tenant_relations(look.connection)
    gaps = await isolation_findings(look.connection)
    stranger: dict[str, int] = look.ask("isolation.stranger")
    require(stranger, "isolation.stranger")
    seen = sum(stranger.values())
    return judge(
        not gaps and not seen,
        {
            "relations": len(relations),
            "traps": len(ISOLATION_CHECKS),
            "gaps": len(gaps),
            "tables": len(stranger),
            "rows_seen": seen,
            "names": "; ".join(f"{each.trap}: {each.where}" for each in gaps[:5]),
        },
        kept=_("0 rows visible to a made-up business, in %(tables)s tables"),
        broken=_("%(gaps)s gaps, %(rows_seen)s rows visible to a made-up business"),
        explanation=_(
            "A lock between businesses is open (%(names)s). We close it now and tell those affected."
        ),
        looked_at=_(
            "%(traps)s ways to lose isolation, each asked of the live schema of %(relations)s relations; then a business"
            " that was made up for this check tries to read every table."
        ),
        found=[{_("table"): name, _("rows it sees"): rows} for name, rows in sorted(stranger.items())],
    )


CALLS = "SELECT upstream, may_train, own_key, count(*) AS calls FROM usage_record GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
UNSTATED = """
SELECT count(*) AS unstated FROM (
  SELECT tenant_id, upstream, min(at) AS first FROM usage_record WHERE own_key GROUP BY 1, 2
) AS c WHERE NOT EXISTS (
  SELECT FROM audit_leaf l WHERE l.tenant_id = c.tenant_id AND l.created_at <= c.first
    AND l.action IN ('gateway:provider_key:brought', 'gateway:provider_key:replaced')
    AND l.body->>'upstream' = c.upstream AND l.body->>'excludes_training' = 'true')
"""


@promise(
    "content.no-training",
    1,
    _("What you write or say is never used to train anyone's AI."),
    asks=["gateway.upstreams"],
)
async def no_training(look: Look) -> Finding:
    """Every upstream in use has a no-training contract on record; calls that went to any other are zero.

    A past call is judged by the terms in force when it was made, which stand in its usage record, and by those of today:
    a contract that is no longer on record speaks for none of its supplier's calls. A call on a business's own account stands under
    the contract that the business has named before, in the audit log, as one that excludes training.
    """
    upstreams: dict[str, dict[str, Any]] = look.ask("gateway.upstreams")
    require(upstreams, "gateway.upstreams")
    calls = await look.rows(CALLS)
    without = {name for name, terms in upstreams.items() if terms["trains_on_content"]}
    usable = sorted(name for name in without if upstreams[name]["enabled"])
    [own] = await look.rows(UNSTATED)
    strayed = [row for row in calls if _strayed(row, without)]
    suspects = sorted({*usable, *(row["upstream"] for row in strayed)})
    found = [
        {
            _("supplier"): name,
            _("no-training contract"): terms["contract"] or "–",
            _("in use"): terms["enabled"],
            _("calls in 90 days"): _counted(calls, name, own=False),
            _("calls on accounts of businesses"): _counted(calls, name, own=True),
        }
        for name, terms in sorted(upstreams.items())
    ]
    figures = {
        "suppliers": len(upstreams),
        "in_use": sum(bool(terms["enabled"]) for terms in upstreams.values()),
        "without_contract": len(usable),
        "calls": sum(row["calls"] for row in calls),
        "strayed": sum(row["calls"] for row in strayed),
        "own": sum(row["calls"] for row in calls if row["own_key"]),
        "unstated": own["unstated"],
        "names": ", ".join(suspects) or "–",
    }
    return judge(
        not usable and not strayed and not own["unstated"],
        figures,
        kept=_(
            "%(in_use)s of %(in_use)s suppliers in use have a no-training contract; 0 of %(calls)s calls to others"
        ),
        broken=_(
            "%(strayed)s calls to suppliers without a no-training contract; %(without_contract)s of them in use; "
            "%(unstated)s accounts of businesses without one named"
        ),
        explanation=_(
            "These suppliers may train on content: %(names)s. They are switched off, and affected businesses are told."
        ),
        looked_at=_(
            "Every model supplier that may receive content, its contract terms, and every call of the last 90 days; for calls on "
            "a business's own account, the contract that it has named in the audit log before."
        ),
        query=CALLS,
        found=found,
    )


def _strayed(call: Mapping[str, Any], without: Collection[str]) -> bool:
    """Whether these calls went to somebody who may train."""
    return call["may_train"] or (call["upstream"] in without and not call["own_key"])


def _counted(calls: Sequence[Mapping[str, Any]], upstream: str, *, own: bool) -> int:
    return sum(row["calls"] for row in calls if row["upstream"] == upstream and row["own_key"] is own)


DESTINATIONS = """
SELECT d.name, d.host, d.port, d.purpose, d.categories, d.region, d.declared_by, coalesce(sum(c.contacts), 0) AS contacts
FROM egress_destination d LEFT JOIN egress_contact c ON c.host = d.host AND c.port = d.port
GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3
"""
STRANGE = """
SELECT host, port, sum(contacts) AS contacts, sum(refused) AS refused FROM egress_contact c
WHERE NOT EXISTS (SELECT FROM egress_destination d WHERE d.host = c.host AND d.port = c.port) OR refused > 0
GROUP BY 1, 2 ORDER BY 1, 2
"""
CONTACTS = "SELECT coalesce(sum(contacts), 0) FROM egress_contact"
UNNAMED = """
SELECT upstream, count(*) AS calls FROM usage_record u
WHERE at >= (SELECT min(since) FROM egress_destination)
  AND NOT EXISTS (SELECT FROM egress_destination d WHERE d.name = u.upstream)
GROUP BY 1 ORDER BY 1
"""


@promise("content.no-sale", 1, _("We never sell what you write or say."), asks=["egress.destinations"])
async def no_sale(look: Look) -> Finding:
    """Whoever was connected to stands in the register of destinations, and so does every supplier who was paid for a call.

    A try that was refused went nowhere: it is shown, and breaks nothing. Calls from before there was a register are not judged.
    """
    adapters: dict[str, list[str]] = look.ask("egress.destinations")
    destinations = await look.rows(DESTINATIONS)
    require(destinations, "egress_destination")
    tried, unnamed = await look.rows(STRANGE), await look.rows(UNNAMED)
    known = {(row["host"], row["port"]) for row in destinations}
    strange = [row for row in tried if row["contacts"] and (row["host"], row["port"]) not in known]
    undeclared = adapters["undeclared"]
    names = [*(row["host"] for row in strange), *(row["upstream"] for row in unnamed), *undeclared]
    return judge(
        not names,
        {
            "destinations": len(destinations),
            "contacts": await look.one(CONTACTS),
            "strange": sum(row["contacts"] for row in strange),
            "refused": sum(row["refused"] for row in tried),
            "unnamed": sum(row["calls"] for row in unnamed),
            "undeclared": len(undeclared),
            "names": ", ".join(dict.fromkeys(names)) or "–",
        },
        kept=_(
            "0 of %(contacts)s connections went elsewhere than to the %(destinations)s destinations of the register"
        ),
        broken=_(
            "%(strange)s connections and %(unnamed)s calls to nobody in the register; %(undeclared)s suppliers are not in it"
        ),
        explanation=_(
            "Data may have gone to somebody we have not named: %(names)s. We cut the connection and tell those affected."
        ),
        looked_at=_(
            "The register of everybody whom this installation may connect to, every connection of the last 90 days by day, the "
            "supplier of every call, and tries that were refused because nobody had declared the destination: %(refused)s."
        ),
        query=STRANGE,
        found=[_destination(row) for row in destinations],
    )


def _destination(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _("destination"): row["name"],
        _("address"): f"{row['host']}:{row['port']}" if row["host"] else "–",
        _("purpose"): row["purpose"],
        _("kinds of data"): row["categories"] or "–",
        _("country"): row["region"],
        _("declared by"): row["declared_by"],
        _("connections in 90 days"): row["contacts"],
    }
