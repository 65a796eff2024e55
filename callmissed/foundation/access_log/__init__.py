"""The access log: who asked for what kind of thing, from where, when, and what came of it; never what was said (Policy §2, §5).

Entries count by the minute, so their number is bounded by callers and not by calls. Network addresses are sealed under a key of
the day. Indian directions ask for 180 days of it (CERT-In, 28 April 2022), the DPDP Rules for a year (rule 6(1)(e)).
"""

from callmissed.foundation.access_log.models import KEPT_DAYS, AccessEntry, AccessLogPulse
from callmissed.foundation.access_log.writer import BEGAN, AccessLog

__all__ = ["BEGAN", "KEPT_DAYS", "AccessEntry", "AccessLog", "AccessLogPulse"]
