"""Promises on the operator and on this policy itself (Policy §12, §13)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from callmissed.foundation import clock
from callmissed.foundation.ids import PLATFORM
from callmissed.privacy import (
    text,  # a module, not its names: it is being loaded when it asks for the promises
)
from callmissed.privacy.changes import changes
from callmissed.privacy.facts import wrong_facts
from callmissed.privacy.law import day_of
from callmissed.privacy.promises.engine import Finding, Look, judge, promise, require

_ = str


@promise(
    "entity.published",
    13,
    _("You can see who runs this service: legal name, office, company number and GSTIN."),
)
async def published(look: Look) -> Finding:
    """The four facts are configured, are no placeholders, and company number and GSTIN are well formed."""
    facts, wrong = look.facts.legal(), wrong_facts(look.facts)
    names = ", ".join(f"{name.replace('_', ' ')} ({why})" for name, why in wrong.items())
    return judge(
        not wrong,
        {"facts": len(facts), "wrong": len(wrong), "names": names},
        kept=_("%(facts)s of %(facts)s facts published and well formed"),
        broken=_("%(wrong)s of %(facts)s facts missing"),
        explanation=_(
            "Not in order: %(names)s. Whoever runs this installation must configure them;"
            " production does not start before that."
        ),
        looked_at=_(
            "The operator's legal identity as configured here; form and check character of the numbers."
        ),
        found=[
            {_("fact"): name.replace("_", " "), _("state"): wrong.get(name, _("in order"))} for name in facts
        ],
    )


NEWEST = """\
SELECT v.number, v.digest, v.effective_at, v.notice, l.body AS written_down
FROM policy_version v LEFT JOIN audit_leaf l
  ON l.tenant_id = :platform AND l.target_id = v.id
  AND l.action = CASE v.notice WHEN 'told' THEN 'privacy:policy:dated' ELSE 'privacy:policy:published' END
WHERE v.effective_at <= :now ORDER BY v.number DESC LIMIT 1"""
ANNOUNCED = """\
SELECT digest FROM policy_version
WHERE notice = 'told' AND (effective_at IS NULL OR effective_at > :now) ORDER BY number DESC LIMIT 1"""
"""A version that people are being told of: the page shows the text that applies, and this one as what comes."""


@promise("change.date", 12, _("The date of the last change at the top of this page is true."))
async def date(look: Look) -> Finding:
    """The text now shown has the digest of the newest effective version, whose date is the one its audit leaf holds."""
    shown = text.digest_of(text.policy_text(look.facts))
    rows = await look.rows(NEWEST, now=clock.now(), platform=PLATFORM)
    newest: dict[str, Any] = rows[0] if rows else {"number": 0, "digest": "", "effective_at": None}
    since = newest["effective_at"]
    leaf: dict[str, Any] = newest.get("written_down") or {}
    announced = await look.one(ANNOUNCED, now=clock.now())
    same_text = newest["digest"] == shown or bool(rows and announced == shown)
    same_date = same_text and _dated(newest, leaf)
    return judge(
        same_text and same_date,
        {"version": newest["number"], "since": f"{since:%Y-%m-%d}" if since else "–"},
        kept=_("Version %(version)s, in effect since %(since)s"),
        broken=_("The date shown, %(since)s, is not the one written down when it was published")
        if same_text
        else _("The text shown is not the version on record"),
        explanation=_(
            "Sentences, data or the date changed without a new version, so the date above is wrong."
            " A version is recorded, or the change undone."
        ),
        looked_at=_(
            "The text shown now, compared with the newest version on record by a fingerprint"
            " of every sentence and of the data map; and its date, compared with the audit log."
        ),
        query=NEWEST,
        found=[
            {_("text"): _("shown now"), _("fingerprint"): shown[:16]},
            {_("text"): _("on record"), _("fingerprint"): newest["digest"][:16] or "–"},
            {_("text"): _("in the audit log"), _("fingerprint"): str(leaf.get("digest", "–"))[:16]},
        ],
    )


def _dated(newest: dict[str, Any], leaf: dict[str, Any]) -> bool:
    """Whether the audit log has the day of effect, and for a version that applied at once its fingerprint."""
    same = leaf.get("effective_at") == text.written(newest["effective_at"])
    return same and (newest["notice"] == "told" or leaf.get("digest") == newest["digest"])


NOTICE_DAYS = 30
"""Policy §12: at least so many days between being told and the effect."""
VERSIONS = "SELECT id, number, text, notice, effective_at, published_at FROM policy_version ORDER BY number"
DELIVERED = """\
SELECT v.id, v.effective_at, count(d.id) AS people, min(v.effective_at - d.delivered_at) AS shortest,
  count(d.id) FILTER (WHERE d.delivered_at IS NULL OR v.effective_at - d.delivered_at < make_interval(days => :days)) AS early,
  (SELECT count(*) FROM user_account u
   WHERE u.created_at < v.published_at AND u.deactivated_at IS NULL
   AND NOT EXISTS (SELECT FROM policy_delivery o WHERE o.version_id = v.id AND o.person_id = u.id)
   AND NOT EXISTS (SELECT FROM closing c WHERE c.subject_id = u.id)) AS missing
FROM policy_version v LEFT JOIN policy_delivery d ON d.version_id = v.id
WHERE v.notice = 'told' AND v.effective_at IS NOT NULL AND v.published_at > :since
GROUP BY v.id ORDER BY v.number"""
"""Each version that people were told of, with who has less than the days between being told and the effect, and who was not
told at all; an account that was closed in between and opened again is told by its console."""
DELIVERIES_KEPT = timedelta(days=390)


@promise("change.notice", 12, _("We tell you of important changes at least 30 days before they apply."))
async def notice(look: Look) -> Finding:
    """Each material change in production was told, and everybody had the days between the notice and the effect."""
    now = clock.now()
    versions = await look.rows(VERSIONS)
    require(versions, "policy_version")
    untold = _untold(versions)
    told = await look.rows(DELIVERED, days=NOTICE_DAYS, since=now - DELIVERIES_KEPT)
    early = sum(row["early"] + row["missing"] for row in told)
    figures: dict[str, int | float | str] = {
        "versions": len(versions),
        "told": len(told),
        "people": sum(row["people"] for row in told),
        "early": early,
        "untold": len(untold),
    }
    return judge(
        not early and not untold,
        figures,
        kept=_(
            "%(told)s of %(versions)s versions changed something important; %(people)s people were told in time"
        ),
        broken=_("%(early)s people had less than 30 days; %(untold)s changes were not told"),
        explanation=_(
            "A change applied before people had their 30 days. It does not apply to them until they have had them."
        ),
        looked_at=_(
            "Every version with what it changed, and for each person when they were told and from when it applies."
        ),
        query=DELIVERED,
        found=[
            {
                _("version"): each["number"],
                _("how"): each["notice"],
                _("in effect"): _day(each["effective_at"]),
            }
            for each in versions[-12:]
        ],
    )


def _untold(versions: Sequence[dict[str, Any]]) -> list[int]:
    """Versions that pass for changing nothing important, and do."""
    return [
        new["number"]
        for old, new in pairwise(versions)
        if new["notice"] == "minor" and any(each.material for each in changes(old["text"], new["text"]))
    ]


def _day(moment: datetime | None) -> str:
    return f"{day_of(moment):%Y-%m-%d}" if moment else "–"
