"""Promises on keeping (Policy §5): how long, and no longer."""

from datetime import datetime, timedelta

from sqlalchemy import DateTime, Table, column, exists, func, select

from callmissed.foundation import clock, datamap
from callmissed.foundation.access_log import BEGAN, KEPT_DAYS
from callmissed.foundation.datamap import Row
from callmissed.foundation.ids import PLATFORM
from callmissed.privacy.promises.engine import Finding, Look, Rows, judge, promise, require

_ = str

LIMIT_DAYS = 90
"""Policy §5: usage logs up to 90 days. Days are whole: what is 90 days and some hours old goes with the next clean-up."""


@promise(
    "keep.usage-logs",
    5,
    _("Usage logs are kept for at most 90 days. After that, nothing in them points to you."),
)
async def usage_logs(look: Look) -> Finding:
    """The oldest identifiable row of every table that lives by this promise is younger than the limit."""
    found: Rows = []
    query, oldest = None, clock.now()
    for held in datamap.tables():
        keep = held.info["row"].__keep__
        if keep.promise != "keep.usage-logs":
            continue
        at = column(str(keep.anchor), DateTime(timezone=True))
        before = clock.now() - timedelta(days=min(keep.days or LIMIT_DAYS, LIMIT_DAYS) + 1)
        query = select(
            func.count().label("rows"),
            func.min(at).label("oldest"),
            func.count().filter(at < before).label("late"),
        )
        row = await look.row(query.select_from(held))
        oldest = min(oldest, row["oldest"] or oldest)
        found.append({_("store"): held.name, **row, "oldest": age(row["oldest"])})
    require(found, "data map")
    late = sum(row["late"] for row in found)
    days = (clock.now() - oldest).days
    return judge(
        not late,
        {"stores": len(found), "rows": sum(row["rows"] for row in found), "late": late, "oldest_days": days},
        kept=_("The oldest of %(rows)s rows is %(oldest_days)s days old; 0 past the limit"),
        broken=_("%(late)s rows past the limit; the oldest is %(oldest_days)s days old"),
        explanation=_(
            "Usage rows were kept too long. The clean-up runs again within the hour, and this mark changes by itself."
        ),
        looked_at=_("The oldest row that still points to somebody, in every store that holds usage."),
        query=query,
        found=found,
    )


FLOOR_DAYS = 180
"""CERT-In Directions of 28 April 2022, (iv): logs of a rolling period of 180 days. From 13 May 2027 a year (DPDP Rules 2025, 6(1)(e))."""
CEILING_DAYS = KEPT_DAYS + 1
LOGGED = "SELECT count(*) AS entries, min(at) AS oldest, max(at) AS newest FROM access_entry"
BEGUN = "SELECT min(created_at) FROM audit_leaf WHERE action = :began"


@promise("keep.security-logs", 5, _("Access logs are kept as long as Indian directions require."))
async def security_logs(look: Look) -> Finding:
    """The access log reaches back as far as it must, or to the day on which it began; and no further than it may.

    When it began stands in the signed audit log, so that entries that went too early are missed.
    """
    begun = await look.one(BEGUN, began=BEGAN)
    require(begun, "audit log")
    logged, now = await look.row(LOGGED), clock.now()
    must = max(begun, now - timedelta(days=FLOOR_DAYS))
    oldest = logged["oldest"] or now
    missing = max(0, (oldest - must).days)
    late = max(0, (now - oldest).days - CEILING_DAYS)
    return judge(
        not missing and not late,
        {
            "entries": logged["entries"],
            "oldest_days": (now - oldest).days,
            "floor_days": FLOOR_DAYS,
            "begun_days": (now - begun).days,
            "missing_days": missing,
            "late_days": late,
        },
        kept=_(
            "The access log reaches back %(oldest_days)s days; it must for %(floor_days)s, or since it began, %(begun_days)s days ago"
        ),
        broken=_("%(missing_days)s days are missing in the access log, or it is %(late_days)s days too old"),
        explanation=_(
            "Entries of the access log went too early or stayed too long. The clean-up is stopped until it is clear why."
        ),
        looked_at=_("The oldest entry of the access log, and in the audit log the day on which it began."),
        query=LOGGED,
        found=[
            {
                _("store"): "access_entry",
                "entries": logged["entries"],
                **{name: age(logged[name]) for name in ("oldest", "newest")},
            }
        ],
    )


def age(moment: datetime | None) -> str:
    """How old something is, in whole days and hours: "89 d 21 h"."""
    if moment is None:
        return "–"
    passed = clock.now() - moment
    return f"{passed.days} d {passed.seconds // 3600} h"


def mapped(name: str) -> Table:
    """The mapped table of that name."""
    return Row.metadata.tables[name]


@promise(
    "keep.active",
    5,
    _("We keep your account's data as long as you have the account, and no longer."),
    every_minutes=5,
)
async def active(look: Look) -> Finding:
    """No row outlives its tenant, and no member of a workspace lacks their account."""
    tenants, members, accounts = mapped("tenant"), mapped("membership"), mapped("user_account")
    found: Rows = []
    for held in datamap.tables():
        if not datamap.is_tenant_table(held):
            continue
        mine = held.columns["tenant_id"]
        gone = ~exists().where(tenants.columns["id"] == mine)
        orphans = await look.one(select(func.count()).select_from(held).where(gone, mine != PLATFORM))
        found.append({_("store"): held.name, _("rows without an account"): orphans})
    lost = ~exists().where(accounts.columns["id"] == members.columns["user_id"])
    query = select(func.count()).select_from(members).where(lost)
    incomplete = await look.one(query)
    left = sum(row["rows without an account"] for row in found)
    return judge(
        not left and not incomplete,
        {
            "accounts": await look.one(select(func.count()).select_from(tenants)),
            "stores": len(found),
            "orphans": left,
            "incomplete": incomplete,
        },
        kept=_("%(accounts)s accounts, 0 rows left behind in %(stores)s stores"),
        broken=_("%(orphans)s rows without an account, %(incomplete)s people without theirs"),
        explanation=_(
            "Something outlived its account or was lost from it. Left-overs are erased; losses are restored and reported."
        ),
        looked_at=_(
            "Every row of every table that belongs to a business: does the business still exist?"
            " Every member of a business: is their account there?"
        ),
        query=query,
        found=found,
    )
