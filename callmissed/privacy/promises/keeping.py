"""Promises on keeping (Policy §5): how long, and no longer."""

from callmissed.foundation import clock, datamap
from callmissed.privacy.promises.engine import Finding, Look, Rows, broken, kept, promise

_ = str

LIMIT_DAYS = 90
"""Policy §5: usage logs up to 90 days."""


@promise("keep.usage-logs", 5, _("Usage logs are kept for at most 90 days. After that, nothing in them points to you."))
async def usage_logs(look: Look) -> Finding:
    """The oldest identifiable row of every table that lives by this promise is younger than the limit."""
    found: Rows = []
    late = rows = 0
    oldest_days = 0.0
    for table in datamap.tables():
        keep = table.info["row"].__keep__
        if keep.promise != "keep.usage-logs":
            continue
        row = (
            await look.rows(
                f'SELECT count(*) AS rows, min("{keep.anchor}") AS oldest, count(*) FILTER (WHERE "{keep.anchor}" <'  # noqa: S608 - names from the map
                f' :now - make_interval(days => {keep.days or LIMIT_DAYS})) AS late FROM "{table.name}"',
                now=clock.now(),
            )
        )[0]
        rows += row["rows"]
        late += row["late"]
        if row["oldest"]:
            oldest_days = max(oldest_days, (clock.now() - row["oldest"]).total_seconds() / 86400)
        found.append({"store": table.name, **row})
    looked = "The oldest row that still points to somebody, in every store that holds usage."
    query = "SELECT min(at), count(*) FILTER (WHERE at < now() - interval '90 days') FROM usage_record"
    if late or not found:
        return broken(
            f"{late} rows past the limit; the oldest is {oldest_days:.0f} days old",
            "Usage rows were kept too long. The clean-up runs again within the hour and this mark changes by itself.",
            rows=rows,
            late=late,
            oldest_days=round(oldest_days, 1),
        ).with_evidence(looked, query, found)
    return kept(f"Oldest is {oldest_days:.0f} days old; 0 past the limit", rows=rows, late=0, oldest_days=round(oldest_days, 1)).with_evidence(
        looked, query, found
    )


ORPHANS = "SELECT count(*) AS rows FROM \"{table}\" x WHERE NOT EXISTS (SELECT FROM tenant t WHERE t.id = x.tenant_id) AND x.tenant_id <> '00000000-0000-0000-0000-000000000000'"


@promise("keep.active", 5, _("We keep your account's data as long as you have the account, and no longer."))
async def active(look: Look) -> Finding:
    """No row outlives its tenant, and no active account lacks its own data."""
    found: Rows = []
    orphans = 0
    for table in datamap.tables():
        if not datamap.is_tenant_table(table):
            continue
        here = await look.one(ORPHANS.format(table=table.name))
        orphans += here
        found.append({"store": table.name, "rows without an account": here})
    incomplete = await look.one("SELECT count(*) FROM user_account WHERE deactivated_at IS NULL AND (email IS NULL OR email_index IS NULL)")
    accounts = await look.one("SELECT count(*) FROM tenant")
    looked = "Every row of every table that belongs to a business: does the business still exist? Every account: is its data whole?"
    if orphans or incomplete:
        return broken(
            f"{orphans} rows without an account, {incomplete} accounts without their data",
            "Something outlived its account or was lost from it. Left-overs are erased; losses are restored and reported.",
            accounts=accounts,
            orphans=orphans,
            incomplete=incomplete,
        ).with_evidence(looked, found=found)
    return kept(f"{accounts} accounts, 0 rows left behind", accounts=accounts, orphans=0, incomplete=0).with_evidence(looked, found=found)
