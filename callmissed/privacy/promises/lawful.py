"""The promise on authorities that ask for data (Policy §2): answered on an order, by two people, and written down."""

from callmissed.foundation.ids import PLATFORM
from callmissed.privacy.promises.engine import Finding, Look, judge, promise, require

_ = str

HANDED_OUT = """\
SELECT r.id, r.approved_at, length(btrim(r.ordered_by)) >= 3 AND length(btrim(r.reference)) >= 3 AS ordered,
  r.asked_by <> r.approved_by AS two, EXISTS (SELECT FROM audit_leaf l WHERE l.tenant_id = :platform AND l.target_id = r.id
    AND l.action = 'privacy:sealed:released' AND l.actor_id = r.approved_by) AS written
FROM sealed_release r WHERE r.approved_at IS NOT NULL ORDER BY r.id"""
"""Every release that was agreed to: on an order or not, by two people or not, and whether the audit log holds it."""

UNREGISTERED = """\
SELECT count(*) FROM audit_leaf l WHERE l.tenant_id = :platform AND l.action = 'privacy:sealed:released'
  AND NOT EXISTS (SELECT FROM sealed_release r WHERE r.id = l.target_id AND r.approved_at IS NOT NULL)"""

FREEZES = """\
SELECT count(*) AS holds, count(*) FILTER (WHERE length(btrim(ordered_by)) < 3 OR length(btrim(reference)) < 3
  OR tenant_id IS NULL AND person_id IS NULL) AS unordered FROM legal_hold"""

REACHES = """\
SELECT count(*) FROM (VALUES ('cm_app'), ('cm_worker'), ('cm_verifier')) AS role(name), (VALUES ('SELECT'), ('UPDATE')) AS p(right_to)
WHERE has_column_privilege(role.name, 'sealed_record', 'blob', p.right_to) OR has_table_privilege(role.name, 'sealed_record', 'DELETE')"""
"""Rights of a role of the application on what is sealed: reading, changing or removing it."""

TABLES = "SELECT count(*) FROM pg_class WHERE relname IN ('sealed_record', 'sealed_release', 'legal_hold') AND relkind = 'r'"


@promise(
    "use.lawful-requests", 2, _("When an authority lawfully asks for data, we answer, and we write it down.")
)
async def lawful_requests(look: Look) -> Finding:
    """Each sealed record that was handed out, and each hold, rests on an order; two people agreed; the log holds it; no role reads."""
    require(await look.one(TABLES) == 3, "sealed_record")
    handed = await look.rows(HANDED_OUT, platform=PLATFORM)
    holds = await look.row(FREEZES)
    figures = {
        "releases": len(handed),
        "holds": int(holds["holds"]),
        "unordered": sum(not row["ordered"] for row in handed) + int(holds["unordered"]),
        "alone": sum(not row["two"] for row in handed),
        "unwritten": sum(not row["written"] for row in handed),
        "unregistered": int(await look.one(UNREGISTERED, platform=PLATFORM)),
        "reaches": int(await look.one(REACHES)),
    }
    wrong = sum(figures[name] for name in ("unordered", "alone", "unwritten", "unregistered", "reaches"))
    return judge(
        not wrong,
        figures,
        kept=_(
            "%(releases)s handed out and %(holds)s holds, each on an order; two people agreed to each release"
        ),
        broken=_(
            "%(unordered)s without an order, %(alone)s by one person alone, %(unwritten)s not written down"
        ),
        explanation=_(
            "Data was handed out or frozen without an order, without a second person or without a record, or what is sealed can"
            " be read by the program itself. Nothing more is handed out until this is settled."
        ),
        looked_at=_(
            "Every release of a sealed record and every legal hold: the order it rests on, the two people, its record in the audit"
            " log; and which rights the program has on what is sealed."
        ),
        query=HANDED_OUT,
        found=[{_("figure"): name, _("count"): value} for name, value in figures.items()],
    )
