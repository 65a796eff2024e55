"""Promises on safety (Policy §3; DPDP Rules 2025, Rule 6): encrypted, least privilege, hashed secrets."""

from typing import Any

from sqlalchemy import ColumnElement, Text, cast, column, func, or_, select, table

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Row
from callmissed.privacy.promises.catalogue import LIVE_COLUMNS, TEXT_KINDS, UNREADABLE
from callmissed.privacy.promises.engine import Finding, Look, Rows, judge, promise

_ = str

BLOB_VERSION = 1
SMALLEST_BLOB = 45
"""Version, key id, nonce and tag: 1 + 16 + 12 + 16 bytes, and nothing sealed."""
SAMPLE = 5000
"""Newest values looked at per column."""


async def sealed_values(look: Look) -> Rows:
    """Each sealed column with the number of values looked at, and of those that are no sealed blob."""
    found: Rows = []
    for entry in datamap.entries():
        if not entry.holds.must_be_sealed:
            continue
        held = Row.metadata.tables[entry.table]
        stored = held.columns[entry.column]
        newest = held.columns["id"].desc() if "id" in held.columns else stored
        some = select(stored.label("v")).where(stored.is_not(None)).order_by(newest).limit(SAMPLE).subquery()
        plain = or_(func.length(some.c.v) < SMALLEST_BLOB, func.get_byte(some.c.v, 0) != BLOB_VERSION)
        query = select(func.count().label("values"), func.count().filter(plain).label("plain"))
        found.append(
            {_("column"): f"{entry.table}.{entry.column}", **await look.row(query.select_from(some))}
        )
    return found


@promise(
    "safe.rest",
    3,
    _("Personal data is encrypted where it is stored, under a key for each person."),
    asks=["store.canaries"],
    every_minutes=15,
)
async def rest(look: Look) -> Finding:
    """Every readable personal column is sealed, every value in it is a blob, and hidden words are not in the files."""
    found = await sealed_values(look)
    unsealed = [each for each in datamap.entries() if each.holds.must_be_sealed and not each.sealed]
    values, plain = sum(row["values"] for row in found), sum(row["plain"] for row in found)
    files: dict[str, int] = look.ask("store.canaries")
    return judge(
        not plain and not unsealed and not files["found"] and values > 0 and files["hidden"] > 0,
        {"columns": len(found), "values": values, "plain": plain + len(unsealed), **files},
        kept=_(
            "%(columns)s columns, %(values)s values: all encrypted; %(megabytes)s MB on disk hold no hidden word"
        ),
        broken=_("%(plain)s values in plain text, %(found)s hidden words found on disk"),
        explanation=_(
            "Personal data stands somewhere unencrypted. It is encrypted now; until then the disk is the only lock."
        ),
        looked_at=_(
            "Every column with readable personal data and its newest values; and the database's files on disk,"
            " byte by byte, for words that we hid there."
        ),
        found=found,
    )


ROLES = """\
SELECT rolname AS role, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS too_strong
FROM pg_roles WHERE rolname IN ('cm_app', 'cm_worker', 'cm_verifier') ORDER BY rolname"""
STRANGERS = """\
SELECT count(*) FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'cm\\_%'
  AND rolname NOT IN ('cm_app', 'cm_worker', 'cm_verifier', 'cm_keys')"""
VERIFIER_WRITES = """\
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) AS g WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
  AND g.grantee = 'cm_verifier'::regrole AND g.privilege_type <> 'SELECT'"""
KEY_TABLES = """\
SELECT count(*) FROM pg_class WHERE relname = 'data_key' AND relkind = 'r'"""


@promise("safe.least-privilege", 3, _("No program and no person here can do more than its task needs."))
async def least_privilege(look: Look) -> Finding:
    """Application roles cannot pass row security or make roles; no other login exists; the keys are elsewhere."""
    roles = await look.rows(ROLES)
    strong = [row["role"] for row in roles if row["too_strong"]]
    figures = {
        "roles": len(roles),
        "too_strong": len(strong),
        "unknown_logins": await look.one(STRANGERS),
        "verifier_writes": await look.one(VERIFIER_WRITES),
        "key_tables_here": await look.one(KEY_TABLES),
    }
    excess = sum(figures.values()) - figures["roles"]
    return judge(
        not excess and len(roles) == 3,
        {**figures, "names": ", ".join(strong) or "–"},
        kept=_("%(roles)s roles, none with more than it needs"),
        broken=_("%(too_strong)s roles with too much power, %(unknown_logins)s unknown logins"),
        explanation=_(
            "Too strong: %(names)s. The rights are taken away now, and what was done with them is reviewed."
        ),
        looked_at=_(
            "The rights of every database role that the programs use, whether any other login exists,"
            " and that the keys are not in this database. Staff have no access at all."
        ),
        query=ROLES,
        found=roles,
    )


SECRET = "cm_[0-9A-Za-z]{30,}"  # noqa: S105 - the shape of a key, not a key


@promise(
    "safe.hashed-secrets",
    3,
    _("We keep no password, and no API key that anyone could read back."),
    asks=["logs.secrets"],
    every_minutes=15,
)
async def hashed_secrets(look: Look) -> Finding:
    """No column holds something of the shape of a key, no column is called password, no log line holds a key."""
    logs: dict[str, int] = look.ask("logs.secrets")
    columns = await look.rows(LIVE_COLUMNS)
    unread = await look.rows(UNREADABLE)
    passwords = [row["name"] for row in columns if "password" in row["column_name"]]
    found: Rows = []
    looked = 0
    query = None
    for row in columns:
        stored: ColumnElement[Any] = column(row["column_name"])
        is_bytes = row["kind"] == "bytea"
        if not is_bytes and not row["kind"].startswith(TEXT_KINDS) and not row["kind"].endswith("[]"):
            continue
        words = func.encode(stored, "escape") if is_bytes else cast(stored, Text)
        query = select(func.count()).select_from(table(row["table_name"])).where(words.regexp_match(SECRET))
        looked += 1
        if keys := await look.one(query):
            found.append({_("place"): row["name"], _("keys"): keys})
    in_tables = sum(each["keys"] for each in found)
    places = [*(each["place"] for each in found), *passwords, *(each["relname"] for each in unread)]
    return judge(
        not places and not logs["keys"] and looked > 0 and logs["files"] > 0,
        {
            "columns": looked,
            "keys_in_tables": in_tables,
            "log_files": logs["files"],
            "keys_in_logs": logs["keys"],
            "password_columns": len(passwords),
            "unread_tables": len(unread),
            "names": ", ".join(places) or _("logs"),
        },
        kept=_("0 secrets in %(columns)s columns and %(log_files)s log files"),
        broken=_("%(keys_in_tables)s readable keys in tables, %(keys_in_logs)s in logs"),
        explanation=_(
            "Secrets stand in readable form, or could (%(names)s). They are revoked and removed now."
        ),
        looked_at=_(
            "Every text and every blob in every table, and every log file, for anything of the shape of a key."
        ),
        query=query,
        found=found,
    )
