"""Promises on safety (Policy §3; DPDP Rules 2025, Rule 6): encrypted, least privilege, hashed secrets."""

from sqlalchemy.exc import DBAPIError

from callmissed.foundation import datamap
from callmissed.privacy.promises.engine import Finding, Look, Rows, Silent, broken, kept, promise

_ = str

BLOB_VERSION = 1
SAMPLE = 2000


@promise("safe.rest", 3, _("Personal data is encrypted where it is stored, under a key for each person."))
async def rest(look: Look) -> Finding:
    """Every readable personal column is sealed, every stored value is a blob, and canaries are not found in the files."""
    sealed = [e for e in datamap.entries() if e.holds.must_be_sealed]
    plain = [f"{e.table}.{e.column}" for e in sealed if not e.sealed]
    found: Rows = []
    values = bad = 0
    for entry in sealed:
        row = (
            await look.rows(
                f'SELECT count(*) AS values, count(*) FILTER (WHERE length(v) < 45 OR get_byte(v, 0) <> {BLOB_VERSION}) AS plain'  # noqa: S608 - names from the map
                f' FROM (SELECT "{entry.column}" AS v FROM "{entry.table}" WHERE "{entry.column}" IS NOT NULL LIMIT {SAMPLE}) s'
            )
        )[0]
        values += row["values"]
        bad += row["plain"]
        found.append({"column": f"{entry.table}.{entry.column}", **row})
    try:
        canaries: dict[str, int] = await look.ask("store.canaries")
    except Silent:
        canaries = {}
    exposed = canaries.get("found", 0)
    looked = "Every column with readable personal data; every value in it; and the database's files on disk, byte by byte, for words we hid there."
    if plain or bad or exposed:
        return broken(
            f"{bad} values in plain text, {exposed} hidden words found on disk",
            "Personal data stands somewhere unencrypted. It is encrypted now; until then the disk is the only lock.",
            columns=len(sealed),
            values=values,
            plain=bad + len(plain),
            canaries_found=exposed,
        ).with_evidence(looked, found=found)
    return kept(
        f"{len(sealed)} columns, {values} values: all encrypted", columns=len(sealed), values=values, plain=0, **canaries
    ).with_evidence(looked, found=found)


ROLES_QUERY = """
SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication AS too_strong FROM pg_roles
WHERE rolname IN ('cm_app', 'cm_worker', 'cm_verifier') ORDER BY rolname
"""
STAFF_QUERY = "SELECT count(*) FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'cm\\_%' AND rolname NOT IN ('cm_app', 'cm_worker', 'cm_verifier', 'cm_keys')"


@promise("safe.least-privilege", 3, _("No program and no person here can do more than its task needs."))
async def least_privilege(look: Look) -> Finding:
    """Application roles cannot pass row security, make roles, or read the key plane; no other login exists."""
    roles = await look.rows(ROLES_QUERY)
    strong = [row["rolname"] for row in roles if row["too_strong"]]
    others = await look.one(STAFF_QUERY)
    writes = await look.one(
        "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'cm_verifier' AND privilege_type <> 'SELECT'"
    )
    looked = "The rights of every database role the programs use, and whether any other login exists. Staff have no access at all."
    if strong or others or writes or len(roles) < 3:  # noqa: PLR2004 - the three roles of the data plane
        return broken(
            f"{len(strong)} roles with too much power, {others} unknown logins",
            f"Too strong: {', '.join(strong) or 'none'}. The rights are taken away now, and what was done with them is reviewed.",
            roles=len(roles),
            too_strong=len(strong),
            unknown_logins=others,
            verifier_writes=writes,
        ).with_evidence(looked, ROLES_QUERY, roles)
    return kept(f"{len(roles)} roles, none with more than it needs", roles=len(roles), too_strong=0, unknown_logins=0).with_evidence(
        looked, ROLES_QUERY, roles
    )


SECRET = "cm_[0-9A-Za-z]{30,}"  # noqa: S105 - the shape of a key, not a key
TEXT_COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
JOIN pg_class k ON k.relname = c.table_name AND k.relnamespace = 'public'::regnamespace AND NOT k.relispartition
WHERE c.table_schema = 'public' AND k.relkind IN ('r', 'p')
  AND c.data_type IN ('text', 'character varying', 'character', 'jsonb', 'json', 'bytea', 'ARRAY')
ORDER BY 1, 2
"""


@promise("safe.hashed-secrets", 3, _("We keep no password, and no API key that anyone could read back."))
async def hashed_secrets(look: Look) -> Finding:
    """No column holds something of the shape of a key, no column is called password, no log line holds a key."""
    columns = [r for r in await look.rows(TEXT_COLUMNS.replace("'public'::", "'public'\\:\\:")) if not r["table_name"].startswith("alembic")]
    found: Rows = []
    hits = 0
    for column in columns:
        name, table = column["column_name"], column["table_name"]
        shown = f"encode(\"{name}\", 'escape')" if column["data_type"] == "bytea" else f'"{name}"\\:\\:text'
        try:
            async with look.connection.begin_nested():
                here = await look.one(f"SELECT count(*) FROM \"{table}\" WHERE {shown} ~ '{SECRET}'")  # noqa: S608 - names from the catalogue
        except DBAPIError:
            continue  # a table of a library that the verifier may not read holds nothing of ours
        hits += here or 0
        if here:
            found.append({"place": f"{table}.{name}", "keys": here})
    passwords = [f"{c['table_name']}.{c['column_name']}" for c in columns if "password" in c["column_name"]]
    logs: int = await look.ask("logs.secrets")
    looked = "Every text and every blob in every table, and every log file, for anything of the shape of a key."
    if hits or passwords or logs:
        return broken(
            f"{hits} raw keys in tables, {logs} in logs",
            f"Secrets stand in readable form ({', '.join(r['place'] for r in found) or 'logs'}). They are revoked and removed now.",
            columns=len(columns),
            keys_in_tables=hits,
            keys_in_logs=logs,
            password_columns=len(passwords),
        ).with_evidence(looked, found=found)
    return kept(
        f"0 secrets in {len(columns)} columns and the logs", columns=len(columns), keys_in_tables=0, keys_in_logs=0, password_columns=0
    ).with_evidence(looked, found=found)
