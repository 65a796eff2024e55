"""Promises on use (Policy §2): metering that adds up."""

from callmissed.privacy.promises.engine import Finding, Look, broken, kept, promise

_ = str


@promise("use.plan", 2, _("Every paid call is counted once and charged once, and your balance is the sum of its entries."))
async def plan(look: Look) -> Finding:
    """Usage and ledger agree request by request, and every balance is the sum of its entries."""
    figures: dict[str, int] = await look.ask("billing.reconciliation")
    wrong = {name: value for name, value in figures.items() if name.startswith("wrong_") and value}
    looked = "Every billed request against its usage record and ledger entry; every wallet against the sum of its entries."
    found = [{"figure": name.replace("_", " "), "value": value} for name, value in figures.items()]
    if wrong:
        return broken(
            f"{sum(wrong.values())} requests or wallets do not add up",
            "Records and charges differ. No further charge is made for them until they agree; wrong charges are paid back.",
            **figures,
        ).with_evidence(looked, found=found)
    return kept(
        f"{figures.get('billed_requests', 0)} paid calls, each counted and charged once; {figures.get('wallets', 0)} wallets add up",
        **figures,
    ).with_evidence(looked, found=found)
