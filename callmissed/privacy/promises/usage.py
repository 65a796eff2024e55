"""Promises on use (Policy §2): metering that adds up."""

from callmissed.privacy.promises.engine import Finding, Look, judge, promise

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
