"""Promises on the operator and on this policy itself (Policy §12, §13)."""

from typing import Any

from callmissed.foundation import clock
from callmissed.foundation.ids import PLATFORM
from callmissed.privacy.facts import wrong_facts
from callmissed.privacy.promises.engine import Finding, Look, judge, promise
from callmissed.privacy.text import digest_of, policy_text, written

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
SELECT v.number, v.digest, v.effective_at, l.body AS written_down
FROM policy_version v LEFT JOIN audit_leaf l
  ON l.tenant_id = :platform AND l.target_id = v.id AND l.action = 'privacy:policy:published'
WHERE v.effective_at <= :now ORDER BY v.number DESC LIMIT 1"""


@promise("change.date", 12, _("The date of the last change at the top of this page is true."))
async def date(look: Look) -> Finding:
    """The text now shown has the digest of the newest effective version, whose date is the one its audit leaf holds."""
    shown = digest_of(policy_text(look.facts))
    rows = await look.rows(NEWEST, now=clock.now(), platform=PLATFORM)
    newest: dict[str, Any] = rows[0] if rows else {"number": 0, "digest": "", "effective_at": None}
    since = newest["effective_at"]
    leaf: dict[str, Any] = newest.get("written_down") or {}
    same_text = newest["digest"] == shown
    same_date = same_text and leaf.get("effective_at") == written(since) and leaf.get("digest") == shown
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
