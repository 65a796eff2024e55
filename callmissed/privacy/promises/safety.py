"""Promises on safety (Policy §3; DPDP Rules 2025, Rule 6): encrypted, least privilege, hashed secrets."""

import re
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, column, func, or_, select, table

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Row
from callmissed.privacy.promises.catalogue import LIVE_COLUMNS, TEXT_KINDS, UNREADABLE
from callmissed.privacy.promises.engine import Finding, Look, Rows, judge, promise, require
from callmissed.privacy.promises.staff import accesses_without_right
from callmissed.privacy.sealed.models import UNREAD

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
        if not (entry.holds.must_be_sealed and entry.sealed) or f"{entry.table}.{entry.column}" == UNREAD:
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


def exposed(found: Rows, unsealed: list[datamap.Entry]) -> list[str]:
    """Names of the columns with a value in plain text, or made to hold such."""
    return [row["column"] for row in found if row["plain"]] + [f"{e.table}.{e.column}" for e in unsealed]


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
    hidden = await look.one(select(func.count()).select_from(Row.metadata.tables["store_canary"]))
    require(hidden, "store_canary")
    return judge(
        not plain and not unsealed and not files["found"],
        {
            "columns": len(found),
            "values": values,
            "plain": plain + len(unsealed),
            **files,
            "hidden": hidden,
            "names": ", ".join(exposed(found, unsealed)) or "–",
        },
        kept=_(
            "%(columns)s columns, %(values)s values: all encrypted; %(megabytes)s MB on disk hold no hidden word"
        ),
        broken=_("%(plain)s values in plain text, %(found)s hidden words found on disk"),
        explanation=_(
            "Personal data stands somewhere unencrypted (%(names)s)."
            " It is encrypted now; until then the disk is the only lock."
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
SELECT 'login ' || r.rolname AS excess FROM pg_roles r
WHERE r.rolcanlogin AND r.rolname NOT IN ('cm_app', 'cm_worker', 'cm_verifier', 'cm_keys') AND r.oid <> 10
  AND (r.rolname LIKE 'cm\\_%' OR r.rolsuper OR r.rolbypassrls
    OR EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE m.member = r.oid AND g.rolname IN ('cm_app', 'cm_worker', 'cm_verifier', 'cm_search'))
    OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS g
      WHERE n.nspname = 'public' AND g.grantee = r.oid))
ORDER BY 1"""
"""Other logins with a way to our data. Number 10 is the login a server is made with; migrations sign in with it or for it."""
VERIFIER_WRITES = """\
SELECT 'cm_verifier may change ' || c.relname AS excess FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'cm') AND CASE
  WHEN c.relkind IN ('r', 'p', 'v', 'm') THEN has_any_column_privilege('cm_verifier', c.oid, 'INSERT, UPDATE')
    OR has_table_privilege('cm_verifier', c.oid, 'DELETE, TRUNCATE')
  WHEN c.relkind = 'S' THEN has_sequence_privilege('cm_verifier', c.oid, 'USAGE, UPDATE') ELSE false END
ORDER BY 1"""
OWNER_ROLES = """\
SELECT 'a role like an owner in ' || tenant_id AS excess FROM custom_role
WHERE permissions && ARRAY['*', 'tenant.write', 'tenant.close', 'owner.transfer']::varchar[]"""
OWNERS = """\
SELECT 'not one owner in ' || tenant_id AS excess FROM membership
GROUP BY tenant_id HAVING count(*) FILTER (WHERE role = 'owner') <> 1 ORDER BY 1"""
KEY_TABLES = """\
SELECT 'keys beside the data: ' || n.nspname AS excess FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = 'data_key' AND c.relkind IN ('r', 'p')"""


@promise("safe.least-privilege", 3, _("No program and no person here can do more than its task needs."))
async def least_privilege(look: Look) -> Finding:
    """Application roles cannot pass row security or make roles; no other login exists; the keys are elsewhere; teams fit; and
    staff look into a tenant only where it approved or two of them broke the glass, for a time, with each row in its log.
    """
    roles = await look.rows(ROLES)
    require(len(roles) == 3, "pg_roles")
    strong = [row["role"] for row in roles if row["too_strong"]]
    strangers, writes, keys, roles_of_owners, ownerless = [
        [row["excess"] for row in await look.rows(query)]
        for query in (STRANGERS, VERIFIER_WRITES, KEY_TABLES, OWNER_ROLES, OWNERS)
    ]
    seen, unapproved = await accesses_without_right(look)
    names = [*strong, *strangers, *writes, *keys, *roles_of_owners, *ownerless, *unapproved]
    return judge(
        not names,
        {
            "roles": len(roles),
            "too_strong": len(strong),
            "unknown_logins": len(strangers),
            "verifier_writes": len(writes),
            "key_tables_here": len(keys),
            "roles_like_owners": len(roles_of_owners),
            "without_one_owner": len(ownerless),
            "staff_accesses": seen,
            "staff_wrong": len(unapproved),
            "wrong": len(names),
            "names": ", ".join(names[:5]) or "–",
        },
        kept=_(
            "%(roles)s roles, none with more than it needs; %(staff_accesses)s looks by staff, each approved and logged"
        ),
        broken=_("%(wrong)s rights too many: %(names)s"),
        explanation=_(
            "Too strong: %(names)s. The rights are taken away now, and what was done with them is reviewed."
        ),
        looked_at=_(
            "The rights of every database role that the programs use, whether any other login reaches the data,"
            " and that the keys are not in this database."
            " In every workspace: that there is one owner, and no role of its own that holds what makes one."
            " And each time staff looked into a workspace: who let them, for how long, and that every row they read stands in"
            " its audit log."
        ),
        query=ROLES,
        found=roles,
    )


SECRET = "cm_[0-9A-Za-z]{30,}"  # noqa: S105 - the shape of a key, not a key
PASSWORD = re.compile(r"passw(or)?d|passphrase|\bpwd|_pwd")


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
    passwords = [row["name"] for row in columns if PASSWORD.search(row["column_name"])]
    found: Rows = [{_("place"): "logs", _("keys"): logs["keys"]}]
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
    found.append({_("place"): f"{looked} columns", _("keys"): sum(each["keys"] for each in found[1:])})
    in_tables = found[-1]["keys"]
    require(looked, "tables")
    require(logs["files"], "logs.secrets")
    places = [*(each["place"] for each in found[1:-1]), *passwords, *(each["relname"] for each in unread)]
    places += ["logs"] * bool(logs["keys"])
    return judge(
        not places,
        {
            "columns": looked,
            "keys_in_tables": in_tables,
            "log_files": logs["files"],
            "keys_in_logs": logs["keys"],
            "password_columns": len(passwords),
            "unread_tables": len(unread),
            "places": len(places),
            "names": ", ".join(places[:5]) or "–",
        },
        kept=_("0 secrets in %(columns)s columns and %(log_files)s log files"),
        broken=_("%(places)s places hold a readable secret, or could: %(names)s"),
        explanation=_(
            "Secrets stand in readable form, or could (%(names)s). They are revoked and removed now."
        ),
        looked_at=_(
            "Every text and every blob in every table, and every log file, for anything of the shape of a key."
        ),
        query=query,
        found=found,
    )
