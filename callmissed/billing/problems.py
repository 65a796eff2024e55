"""What can go wrong with money."""

from callmissed.foundation.problems import Problem, TooManyRequests


class WalletExhausted(Problem):
    """Your wallet does not hold enough for this request. Add money and try again."""

    status = 402
    code = "insufficient_quota"


class LedgerBusy(Problem):
    """The ledger did not answer in time, so nothing was started and nothing is charged. Try again in a moment."""

    status = 503
    code = "ledger_busy"


class KeyBudgetExhausted(Problem):
    """This key has used up its budget for the month, or what is left does not cover this request. It works again next month."""

    status = 402
    code = "key_budget_exhausted"


class BudgetExhausted(Problem):
    """This workspace has used up the budget it has set for the month, or what is left does not cover this request."""

    status = 402
    code = "budget_exceeded"


class EndUserBudgetExhausted(Problem):
    """The end user for whom this was asked has used up the budget for the month, or what is left does not cover this request."""

    status = 402
    code = "end_user_budget_exceeded"


class PlanUsedUp(TooManyRequests):
    """This workspace has made all the calls that its plan allows this month. They begin anew on the 1st, or with a larger plan."""

    code = "plan_used_up"
