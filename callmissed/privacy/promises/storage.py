"""Promises on where data is (Policy §3): in India."""

from callmissed.privacy.promises.engine import Finding, Look, broken, kept, promise, unknown

_ = str

CALLS_ABROAD = """
SELECT region, count(*) AS calls FROM usage_record WHERE region <> 'IN' GROUP BY region ORDER BY region
"""


@promise("store.india", 3, _("We store and process personal data in India, unless we have told you otherwise in writing."))
async def india(look: Look) -> Finding:
    """Region of the installation and of every upstream that may be used; calls processed abroad without a notice."""
    region = str(look.facts.get("region", ""))
    upstreams: dict[str, dict[str, object]] = await look.ask("gateway.upstreams")
    enabled = {name: str(each.get("region", "")) for name, each in upstreams.items() if each.get("enabled")}
    abroad = sorted(name for name, where in enabled.items() if where not in {"IN", "here"})
    if "here" in enabled.values() and region != "IN":
        abroad.append("this installation")
    calls = await look.rows(CALLS_ABROAD)
    strayed = sum(row["calls"] for row in calls if not (row["region"] == "here" and region == "IN"))
    looked = "The region of the databases and files, of every model supplier in use, and of every call of the last 90 days."
    found = [{"place": "this installation", "region": region or "not said"}, *({"place": n, "region": w} for n, w in sorted(enabled.items()))]
    if not region:
        return unknown("Where this installation stands has not been configured.").with_evidence(looked, CALLS_ABROAD, found)
    if region != "IN" or abroad or strayed:
        return broken(
            f"{len(abroad)} places outside India, {strayed} calls processed there",
            f"Outside India, and no notice was delivered: {', '.join(abroad) or region}. They are switched off, or everyone is told first.",
            places=1 + len(enabled),
            abroad=len(abroad),
            calls_abroad=strayed,
        ).with_evidence(looked, CALLS_ABROAD, found)
    return kept(f"{1 + len(enabled)} of {1 + len(enabled)} places are in India", places=1 + len(enabled), abroad=0, calls_abroad=0).with_evidence(
        looked, CALLS_ABROAD, found
    )
