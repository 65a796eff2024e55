"""The isolation catalogue: what must hold of the live schema so that no tenant can reach another's rows.

Each check is one query over PostgreSQL's catalogue that returns the offenders; nothing returned means it holds. The
promise content.isolated runs it on the live database, and the tests plant each offence and see it found.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

CONTROL_WITH_TENANT = ("closed_tenant", "directory_entry", "legal_hold", "security_alert", "session")
"""Tables outside the tenants that name one: closed doors, the directory's answer, what is frozen by law, what a warning is about,
where a browser works."""

DEFINER_FUNCTIONS = (
    "cm.destroy_sealed", "cm.ensure_partitions", "cm.erase_rows", "cm.expire", "cm.read_keys", "cm.read_sealed", "cm.resize_leases",
    "cm.settle_leased",
)  # fmt: skip
"""Functions that run with their owner's rights and may be called by an application role: each is reviewed by name.

`ensure_partitions` makes empty, guarded partitions. `expire` removes rows past the days that a migration entered for their
table; its policy shows the owner no other rows, and the caller learns a number. `erase_rows` removes the rows of a tenant
whose erasure has begun, which the owner sees by a policy of its own. `read_keys`, `resize_leases` and `settle_leased` work
for the tenants of a batch: the owner sees those rows while the function runs, and each statement joins them by tenant.
`destroy_sealed` removes sealed records whose day has come; `read_sealed` gives the ciphertext of one that two people have agreed to
hand out.
"""

TENANT_RELATIONS = """
WITH tenant_relation AS (
  SELECT c.oid, c.relname, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id' AND NOT a.attisdropped
    AND c.relname <> ALL (:control)
), application(role) AS (VALUES ('cm_app'), ('cm_worker'), ('cm_verifier')),
granted AS (
  SELECT t.*, g.privilege_type, coalesce(r.rolname, 'PUBLIC') AS grantee
  FROM tenant_relation t JOIN pg_class c ON c.oid = t.oid CROSS JOIN LATERAL aclexplode(c.relacl) AS g
  LEFT JOIN pg_roles r ON r.oid = g.grantee
)
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One way in which isolation is lost, and the query that finds it."""

    trap: str
    why: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One offender of one check."""

    trap: str
    where: str


CHECKS = (
    Check(
        "no-row-security",
        "a tenant relation, partition included, without ENABLE and FORCE ROW LEVEL SECURITY",
        "SELECT relname FROM tenant_relation WHERE NOT (relrowsecurity AND relforcerowsecurity)",
    ),
    Check(
        "no-policy",
        "a tenant relation without the tenant policy: row security is on, but says nothing of ours",
        "SELECT relname FROM tenant_relation t WHERE NOT EXISTS (SELECT FROM pg_policies p WHERE p.schemaname = 'public'"
        " AND p.tablename = t.relname AND p.policyname = 'tenant_isolation' AND p.cmd = 'ALL')",
    ),
    Check(
        "weak-policy",
        "a policy that is none of ours: the tenant's, the verifier's reading, what the owner sees for expiry, erasure, a batch; and"
        " one that only hides",
        "SELECT tablename || '.' || policyname FROM pg_policies WHERE schemaname = 'public' AND NOT ("
        " policyname = 'tenant_isolation' AND permissive = 'PERMISSIVE' AND roles = '{cm_app,cm_worker}'"
        "   AND qual = '(tenant_id = cm.tenant())' AND with_check = '(tenant_id = cm.tenant())'"
        " OR policyname = 'verifier_reads' AND roles = '{cm_verifier}' AND cmd = 'SELECT'"
        " OR policyname = 'expiry' AND roles = '{cm_owner}' AND with_check = 'false'"
        " OR policyname = 'barred' AND permissive = 'RESTRICTIVE'"
        " OR policyname = 'erasure' AND roles = '{cm_owner}' AND with_check = 'false'"
        " OR policyname = 'batch' AND roles = '{cm_owner}' AND qual = with_check"
        "   AND qual = '(tenant_id = ANY (( SELECT cm.tenants() AS tenants)::uuid[]))')",
    ),
    Check(
        "tenant-function",
        "a function that policies ask was replaced by something else",
        "SELECT 'cm.' || name FROM (VALUES"
        " ('tenant', 'SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid'),"
        " ('tenants', 'SELECT nullif(current_setting(''app.tenants'', true), '''')::uuid[]')) AS ours(name, source)"
        " WHERE NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'cm' AND p.proname = name AND NOT p.prosecdef AND btrim(p.prosrc) = source)",
    ),
    Check(
        "granted-partition",
        "a partition some role may touch directly, past its parent",
        "SELECT relname || ' to ' || grantee FROM granted WHERE relispartition AND grantee <> 'cm_owner'",
    ),
    Check(
        "index-without-tenant",
        "an index of a tenant relation that does not lead with tenant_id: an oracle across tenants, or a slow path past the policy",
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN tenant_relation t ON t.oid = i.indrelid"
        " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam"
        " WHERE a.attname IS DISTINCT FROM 'tenant_id' AND (i.indisunique OR am.amname = 'btree')",
    ),
    Check(
        "open-view",
        "a view that reads with its owner's rights, or a materialised view, which has no row security at all",
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'cm')"
        " AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(c.reloptions::text, '') LIKE '%security_invoker=true%')",
    ),
    Check(
        "definer-function",
        "a function with its owner's rights that an application role may call and nobody reviewed",
        "SELECT DISTINCT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,"
        " application WHERE n.nspname IN ('public', 'cm') AND p.prosecdef AND n.nspname || '.' || p.proname <> ALL (:definer)"
        " AND has_function_privilege(role, p.oid, 'EXECUTE')",
    ),
    Check(
        "definer-search-path",
        "a function with its owner's rights whose search path the caller can bend",
        "SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname IN ('public', 'cm') AND p.prosecdef AND NOT coalesce(p.proconfig::text, '') LIKE '%search_path=%'",
    ),
    Check(
        "role-can-bypass",
        "an application role that is superuser, bypasses row security, may replicate, or makes roles",
        "SELECT r.rolname FROM pg_roles r JOIN application ON role = r.rolname"
        " WHERE r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreaterole OR r.rolcreatedb",
    ),
    Check(
        "role-can-become",
        "an application role that is a member of another role, or owns a relation",
        "SELECT role || ' may become ' || r.rolname FROM application, pg_roles r"
        " WHERE r.rolname <> role AND r.rolname NOT LIKE 'pg\\_%' AND pg_has_role(role, r.oid, 'MEMBER')"
        " UNION ALL SELECT r.rolname || ' owns ' || c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " JOIN application ON role = r.rolname",
    ),
    Check(
        "right-past-rows",
        "a right that row security does not govern: TRUNCATE, REFERENCES, TRIGGER; or more than reading for the verifier",
        "SELECT grantee || ' ' || privilege_type || ' ' || relname FROM granted WHERE grantee <> 'cm_owner'"
        " AND (privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')"
        " OR grantee NOT IN ('cm_app', 'cm_worker', 'cm_verifier', 'cm_search')"
        " OR grantee = 'cm_verifier' AND privilege_type <> 'SELECT')",
    ),
    Check(
        "reference-across",
        "a reference between tenant relations that does not carry tenant_id",
        "SELECT k.conrelid::regclass || '.' || k.conname FROM pg_constraint k"
        " JOIN tenant_relation t ON t.oid = k.conrelid JOIN tenant_relation u ON u.oid = k.confrelid"
        " WHERE k.contype = 'f' AND NOT EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS pair(mine, theirs)"
        " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = mine AND a.attname = 'tenant_id'"
        " JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = theirs AND b.attname = 'tenant_id')",
    ),
    Check(
        "nullable-tenant",
        "a tenant_id that may be NULL, and then belongs to nobody",
        "SELECT t.relname FROM tenant_relation t JOIN pg_attribute a ON a.attrelid = t.oid"
        " WHERE a.attname = 'tenant_id' AND NOT a.attnotnull",
    ),
    Check(
        "standing-tenant",
        "a tenant fixed for a role or the whole database, where it must be set per transaction",
        "SELECT coalesce(r.rolname, 'the database') FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole"
        " WHERE s.setconfig::text LIKE '%app.tenant%'",
    ),
)


async def findings(connection: AsyncConnection) -> list[Finding]:
    """Every offender of every check, on this database. An empty list means the catalogue holds."""
    found: list[Finding] = []
    for check in CHECKS:
        query = text(TENANT_RELATIONS + check.query)
        names = {"control": list(CONTROL_WITH_TENANT), "definer": list(DEFINER_FUNCTIONS)}
        wanted = {name: value for name, value in names.items() if f":{name}" in query.text}
        rows = await connection.execute(query, wanted)
        found += [Finding(check.trap, str(where)) for where in rows.scalars()]
    return found


async def relations(connection: AsyncConnection) -> list[str]:
    """Every tenant relation, partitions included: what a figure of this check counts."""
    query = text(f"{TENANT_RELATIONS} SELECT relname FROM tenant_relation ORDER BY relname")  # noqa: S608 - two constants
    return list((await connection.execute(query, {"control": list(CONTROL_WITH_TENANT)})).scalars())
