"""Promises on content (Policy §1): kept apart, and never used to train."""

from callmissed.foundation.database import isolation
from callmissed.privacy.promises.engine import Finding, Look, broken, kept, promise

_ = str


@promise("content.isolated", 1, _("Your messages, calls and files stay in your own partition. No other business can reach them."))
async def isolated(look: Look) -> Finding:
    """The isolation catalogue holds on every tenant relation; a stranger's transaction sees nothing."""
    relations = await isolation.relations(look.connection)
    findings = await isolation.findings(look.connection)
    stranger: dict[str, int] = await look.ask("isolation.stranger")
    seen = sum(stranger.values())
    found = [{"relation": name, "rows a stranger sees": stranger.get(name, 0)} for name in relations if name in stranger]
    looked = (
        f"{len(isolation.CHECKS)} ways to lose isolation, each asked of the live schema; then a business that was made up for"
        " this check tries to read every table."
    )
    if findings or seen:
        wrong = "; ".join(f"{each.trap}: {each.where}" for each in findings[:5])
        return broken(
            f"{len(findings)} gaps, {seen} rows visible to a stranger",
            f"A lock between businesses is open ({wrong or 'rows are visible'}). We close it now and tell those affected.",
            relations=len(relations),
            gaps=len(findings),
            rows_seen=seen,
        ).with_evidence(looked, found=found)
    return kept(
        f"0 rows visible to a stranger, in {len(relations)} tables", relations=len(relations), gaps=0, rows_seen=0
    ).with_evidence(looked, found=found)


CALLS_QUERY = "SELECT upstream, count(*) AS calls FROM usage_record GROUP BY upstream ORDER BY upstream"


@promise("content.no-training", 1, _("What you write or say is never used to train anyone's AI."))
async def no_training(look: Look) -> Finding:
    """Every upstream that may receive content has a no-training contract on record; calls to any other are zero."""
    upstreams: dict[str, dict[str, object]] = await look.ask("gateway.upstreams")
    calls = {row["upstream"]: row["calls"] for row in await look.rows(CALLS_QUERY)}
    without = sorted(
        name for name in upstreams.keys() | calls.keys() if name and upstreams.get(name, {}).get("trains_on_content") is not False
    )
    strayed = sum(calls.get(name, 0) for name in without)
    found = [{"supplier": n, "no-training contract": n not in without, "calls": calls.get(n, 0)} for n in sorted(upstreams.keys() | calls.keys()) if n]
    looked = "Every model supplier that may receive content, its contract terms, and every call of the last 90 days."
    usable = [name for name in without if upstreams.get(name, {}).get("enabled")]
    if strayed or usable:
        return broken(
            f"{strayed} calls to suppliers without a no-training contract",
            f"These suppliers may train on content: {', '.join(without)}. They are switched off, and affected businesses are told.",
            suppliers=len(upstreams),
            without=len(without),
            calls=strayed,
        ).with_evidence(looked, CALLS_QUERY, found)
    return kept(
        f"{len(upstreams) - len(without)} of {len(upstreams)} suppliers have a no-training contract; 0 calls to others",
        suppliers=len(upstreams),
        without=len(without),
        calls=0,
    ).with_evidence(looked, CALLS_QUERY, found)
