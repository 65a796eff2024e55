"""Promises on the operator's people (Policy §3): bound to secrecy, and let in only where a tenant says so."""

from callmissed.foundation.ids import PLATFORM
from callmissed.identity import staff
from callmissed.privacy.promises.engine import Finding, Look, judge, promise, require

_ = str

HOLDERS = """\
SELECT m.handle, m.role, u.version, u.text_digest, u.digest, l.body ->> 'digest' AS leaf_digest, encode(sha256(u.text_digest || u.signed_name
    || uuid_send(u.user_id) || convert_to(to_char(u.signed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8')
  ), 'hex') AS computed
FROM staff_member m
LEFT JOIN LATERAL (SELECT * FROM staff_undertaking s WHERE s.user_id = m.user_id ORDER BY s.id DESC LIMIT 1) u ON true
LEFT JOIN audit_leaf l ON l.tenant_id = :platform AND l.target_id = u.id
  AND l.action = 'identity:staff:undertaking_signed'
WHERE m.removed_at IS NULL ORDER BY m.handle"""
"""Each person on the staff with their newest signature, its digest computed anew, and what the audit log says of it."""


@promise("safe.confidentiality", 3, _("Everyone who works on the system has signed to keep secrets."))
async def confidentiality(look: Look) -> Finding:
    """Every staff role is held by somebody whose signature is under the text in force, whole, and in the audit log."""
    in_force = {each.digest for each in staff.texts().values()}
    version = staff.text_in("en").version
    people = await look.rows(HOLDERS, platform=PLATFORM)
    require(people, "staff_member")
    unbound = [
        row["handle"]
        for row in people
        if row["version"] != version
        or bytes(row["text_digest"]) not in in_force
        or row["computed"] != bytes(row["digest"]).hex()
        or row["leaf_digest"] != row["computed"]
    ]
    return judge(
        not unbound,
        {
            "people": len(people),
            "bound": len(people) - len(unbound),
            "unbound": len(unbound),
            "version": version,
            "names": ", ".join(unbound[:5]) or "–",
        },
        kept=_("%(bound)s of %(people)s people have signed version %(version)s"),
        broken=_("%(unbound)s of %(people)s people have not signed version %(version)s"),
        explanation=_(
            "On the staff without a valid signature: %(names)s. Their role does not work until they have signed;"
            " who does not sign is taken off the staff."
        ),
        looked_at=_(
            "Everyone with a staff role: the undertaking they signed, whether its text is the one in force,"
            " whether the signature is whole, and its place in the audit log."
        ),
        query=HOLDERS,
        found=[
            {
                _("person"): row["handle"],
                _("role"): row["role"],
                _("signed version"): row["version"] or "–",
                _("state"): _("not in order") if row["handle"] in unbound else _("in order"),
            }
            for row in people
        ],
    )


OPENED = """\
SELECT a.id, a.opened_at, a.ends_at, a.reads,
  a.ends_at > a.opened_at + make_interval(mins => CASE a.kind WHEN 'glass' THEN 60 ELSE 480 END) AS too_long,
  CASE a.kind WHEN 'glass' THEN a.seconded_by ELSE a.decided_by END IS NULL
    OR coalesce(a.asked_by IN (a.seconded_by, a.decided_by), false) AS alone,
  NOT EXISTS (SELECT FROM audit_leaf l WHERE l.tenant_id = a.tenant_id AND l.target_id = a.id
    AND l.action = CASE a.kind WHEN 'glass' THEN 'identity:staff:glass_opened' ELSE 'identity:staff:access_approved' END
    AND l.actor_id = CASE a.kind WHEN 'glass' THEN a.seconded_by ELSE a.decided_by END
    AND abs(extract(epoch FROM l.created_at - a.opened_at)) <= 60) AS unwritten,
  a.kind = 'glass' AND NOT EXISTS (SELECT FROM audit_leaf l WHERE l.tenant_id = :platform AND l.target_id = a.id
    AND l.action = 'identity:staff:glass_opened') AS silent,
  r.leaves IS DISTINCT FROM a.reads AS unlogged,
  r.late > 0 AS late
FROM staff_access a, LATERAL (SELECT count(*) AS leaves, count(*) FILTER (WHERE l.created_at < a.opened_at
    OR l.created_at > least(a.ends_at, a.ended_at) + interval '1 minute') AS late
  FROM audit_leaf l WHERE l.tenant_id = a.tenant_id AND l.target_id = a.id
    AND l.action IN ('identity:staff:page_opened', 'identity:staff:row_read')) r
WHERE a.opened_at IS NOT NULL OR a.ends_at IS NOT NULL OR a.reads > 0 OR r.leaves > 0 ORDER BY a.id"""
"""Each access of staff to a tenant that was ever opened or used, with each way in which it can be without right."""

STRAY = """\
SELECT count(*) FROM audit_leaf l WHERE l.actor_kind = 'staff' AND l.action = 'identity:staff:row_read'
  AND NOT EXISTS (SELECT FROM staff_access a WHERE a.tenant_id = l.tenant_id AND a.id = l.target_id)"""

WRONGS = {
    "too_long": "longer than it may be",
    "alone": "no second person let them in",
    "unwritten": "its opening is not in the log of the workspace at that time",
    "silent": "its alarm is not in the operator's log",
    "unlogged": "rows read and rows in the log differ",
    "late": "read outside its time",
}


async def accesses_without_right(look: Look) -> tuple[int, list[str]]:
    """How often staff looked into a tenant, and of those each that nobody let in, that lasted too long, or left no trace."""
    opened = await look.rows(OPENED, platform=PLATFORM)
    wrong = [
        f"staff access {str(row['id'])[-8:]}: {said}"
        for row in opened
        for name, said in WRONGS.items()
        if row[name] is None or row[name]
    ]
    if await look.one(STRAY):
        wrong.append("staff read under an access that is gone")
    return len(opened), wrong
