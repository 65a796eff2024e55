"""Billing: every workspace has one wallet in rupees (1 credit = ₹1), and a ledger that says where each paisa went.

Requests reserve before they cost anything and settle when they are done, through the process's `Ledger`; everything else
happens in the caller's transaction. Amounts are integers of micro-rupees.
"""

from callmissed.billing.budgets import EndUserBudget, KeyBudget
from callmissed.billing.ledger import Ledger
from callmissed.billing.plans import DEFAULT_PLAN, PLANS, Plan, plan_named, seats_of
from callmissed.billing.problems import WalletExhausted
from callmissed.billing.quotas import Quotas, calls_this_month
from callmissed.billing.reconciliation import reconcile
from callmissed.billing.service import (
    WELCOME_CREDIT,
    end_user_spending,
    entries,
    grant,
    key_spending,
    month_budget,
    purse,
    requests,
    seen,
    set_month_budget,
    statement,
    transfers,
    usage_report,
    usage_span,
    used,
)
from callmissed.billing.units import LOTS, Unit, price_of
from callmissed.billing.usage import Usage
from callmissed.billing.views import (
    By,
    Entry,
    MonthBudget,
    Only,
    Share,
    Statement,
    UsageFilter,
    UsageReport,
    Used,
)

__all__ = [
    "DEFAULT_PLAN",
    "LOTS",
    "PLANS",
    "WELCOME_CREDIT",
    "By",
    "EndUserBudget",
    "Entry",
    "KeyBudget",
    "Ledger",
    "MonthBudget",
    "Only",
    "Plan",
    "Quotas",
    "Share",
    "Statement",
    "Unit",
    "Usage",
    "UsageFilter",
    "UsageReport",
    "Used",
    "WalletExhausted",
    "calls_this_month",
    "end_user_spending",
    "entries",
    "grant",
    "key_spending",
    "month_budget",
    "plan_named",
    "price_of",
    "purse",
    "reconcile",
    "requests",
    "seats_of",
    "seen",
    "set_month_budget",
    "statement",
    "transfers",
    "usage_report",
    "usage_span",
    "used",
]
