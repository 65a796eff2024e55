"""Promises on use (Policy §2): metering that adds up, limits that hold, and a log of who asked."""

from datetime import timedelta

from callmissed.foundation import clock
from callmissed.privacy.promises.engine import Finding, Look, judge, promise, require

_ = str


@promise(
    "use.plan",
    2,
    _("Every paid call is counted once and charged once, and your balance is the sum of its entries."),
    asks=["billing.reconciliation"],
    every_minutes=5,
)
async def plan(look: Look) -> Finding:
    """Usage and ledger agree request by request, and every balance is the sum of its entries."""
    figures: dict[str, int] = look.ask("billing.reconciliation")
    wrong = sum(value for name, value in figures.items() if name.startswith("wrong_"))
    return judge(
        not wrong,
        {**figures, "wrong": wrong},
        kept=_("%(billed_requests)s paid calls, each counted and charged once; %(wallets)s wallets add up"),
        broken=_("%(wrong)s calls or wallets do not add up"),
        explanation=_(
            "Records and charges differ. No further charge is made for them until they agree; wrong charges are paid back."
        ),
        looked_at=_(
            "Every billed request against its usage record and ledger entry; every wallet against the sum of its entries."
        ),
        found=[{_("figure"): name.replace("_", " "), _("count"): value} for name, value in figures.items()],
    )


LATEST = timedelta(minutes=1)
"""The access log is never further behind."""
ALIVE = """
SELECT count(*) AS servers, max(at) AS latest, coalesce(sum(lost), 0) AS lost FROM access_log_pulse
"""
ASKED = """
SELECT coalesce(sum(times), 0) AS calls, coalesce(sum(times) FILTER (WHERE status = 429), 0) AS limited,
  coalesce(sum(times) FILTER (WHERE status IN (401, 403)), 0) AS turned_away
FROM access_entry WHERE at >= :since
"""


@promise(
    "use.rate-limits",
    2,
    _("We limit requests, log access, and look for abuse."),
    asks=["gateway.limits"],
)
async def rate_limits(look: Look) -> Finding:
    """A limit of one lets one through and no second; the access log was written in the last minute and has lost nothing."""
    limiter: dict[str, bool] = look.ask("gateway.limits")
    alive = await look.row(ALIVE)
    require(alive["servers"], "access_log_pulse")
    now = clock.now()
    asked = await look.row(ASKED, since=now - timedelta(hours=1))
    behind = max(0, int((now - alive["latest"]).total_seconds()))
    limits = limiter["allows"] and limiter["refuses"]
    return judge(
        limits and behind < LATEST.total_seconds() and not alive["lost"],
        {
            "behind_seconds": behind,
            "lost": alive["lost"],
            "limits": int(limits),
            "servers": alive["servers"],
            **asked,
        },
        kept=_(
            "The access log is %(behind_seconds)s seconds behind; in the last hour %(limited)s of %(calls)s calls met a limit"
        ),
        broken=_(
            "The access log is %(behind_seconds)s seconds behind and has lost %(lost)s calls, or the limiter lets everything through"
        ),
        explanation=_(
            "Limits or the access log have stopped. Whoever runs this installation is looking at it."
        ),
        looked_at=_(
            "A limit of one call a minute, asked twice; when each server last wrote its access log, and whether it had room for "
            "everything; what was asked, limited and turned away in the last hour."
        ),
        query=ASKED,
        found=[{_("figure"): name.replace("_", " "), _("count"): value} for name, value in asked.items()],
    )
