"""The list of problems: every code a caller can meet, under its status, with what to do. Read from the classes."""

from dataclasses import dataclass

from callmissed.foundation.http import TITLES
from callmissed.foundation.problems import Problem

_ = str  # marks the sentences for translation; they are spoken when they are shown

ADVICE = {
    400: _("Change the request: sent again as it is, it fails again."),
    401: _("Send a key or a code that works, or sign in."),
    402: _("Add money to the wallet, then send the request again. Nothing was charged."),
    403: _("Do not repeat it. Somebody has to allow it first: an owner of the workspace, or the operator."),
    404: _("Check the address and the id. What belongs to another workspace is not found either."),
    405: _("Check the method: GET reads, POST changes."),
    409: _("Read the present state again, then decide anew."),
    410: _("Stop asking for it: it does not come back."),
    413: _("Send less, or send it in parts."),
    415: _("Send one of the kinds that the message names."),
    421: _("Use the address that the operator has given you."),
    422: _("Correct what the message names. In JSON, `details.fields` says which fields."),
    429: _("Wait as many seconds as the header Retry-After says, then try again."),
    500: _("Try again once. If it stays, give the operator the request id."),
    501: _("Leave it out for now: this installation does not have it yet."),
    502: _("Try again in a moment, or use another model. Nothing was charged."),
    503: _("Try again in a moment; the header Retry-After may say when."),
    504: _("Try again in a moment, or use another model. Nothing was charged."),
}
"""Status to what a caller does about it."""


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """Every problem of one status. `problems` are (code, message) in order; all sentences are in English, to be translated."""

    status: int
    title: str
    advice: str
    problems: tuple[tuple[str, str], ...]


def problem_groups() -> list[ProblemGroup]:
    """All problems of the product, by status and code. Raises KeyError for a status nobody gave advice for."""
    own = [each for each in Problem.catalogue.values() if each.__module__.startswith("callmissed.")]
    return [
        ProblemGroup(
            status,
            TITLES[status],
            ADVICE[status],
            tuple(sorted((each.code, each.default_message()) for each in own if each.status == status)),
        )
        for status in sorted({each.status for each in own})
    ]
