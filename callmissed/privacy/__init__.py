"""Privacy: the published policy as code. Each promise is a sentence with a check of live data; the notice, the retention of
rows and the versions of the policy are read from the data map.

Other rooms answer the checks through `Probes`; the operator's facts come as `Facts`.
"""

from pathlib import Path

from callmissed.foundation.mail import declare_templates
from callmissed.privacy import deliveries as policy_deliveries
from callmissed.privacy import findings as policy_findings
from callmissed.privacy import holds as legal_holds
from callmissed.privacy import notices as policy_notices
from callmissed.privacy import reminders as policy_reminders
from callmissed.privacy import sealed as sealed_store
from callmissed.privacy import versions as policy_versions
from callmissed.privacy.canary import hidden_words
from callmissed.privacy.checking import Result, Tally, check_all, tally
from callmissed.privacy.facts import Facts, wrong_facts
from callmissed.privacy.gstin import is_gstin
from callmissed.privacy.page import PolicyPage, policy_page
from callmissed.privacy.promises.collection import holds_card, luhn
from callmissed.privacy.promises.engine import Probes
from callmissed.privacy.start import PolicyStart
from callmissed.privacy.versions import publish_version

declare_templates("privacy", Path(__file__).resolve().parent / "mail")

__all__ = [
    "Facts",
    "PolicyPage",
    "PolicyStart",
    "Probes",
    "Result",
    "Tally",
    "check_all",
    "hidden_words",
    "holds_card",
    "is_gstin",
    "legal_holds",
    "luhn",
    "policy_deliveries",
    "policy_findings",
    "policy_notices",
    "policy_page",
    "policy_reminders",
    "policy_versions",
    "publish_version",
    "sealed_store",
    "tally",
    "wrong_facts",
]
