"""Promises on what is collected (Policy §1): accounts, usage, content, payment."""

import re

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Category, Whose
from callmissed.privacy.promises.engine import Finding, Look, Rows, broken, kept, promise

_ = str

ACCOUNT_MAY_HOLD = frozenset({"full_name", "email", "phone", "organisation", "role", "email_index", "language"})
"""What the policy lists: full name, e-mail, optional phone, organisation, role, authentication identifiers."""

CARD = re.compile(r"(?<![0-9a-fA-F-])(?:\d[ -]?){12,18}\d(?![0-9a-fA-F-])")


@promise(
    "collect.account",
    1,
    _("Your account holds your name, e-mail, organisation, role and how you sign in. Your phone number only if you give it."),
)
async def account(look: Look) -> Finding:
    """Columns of the account tables that say they hold account data are within the list; the phone may be empty."""
    held = [e for e in datamap.entries() if e.holds.category is Category.ACCOUNT and e.holds.whose is Whose.USER]
    listed = {f"{e.table}.{e.column}" for e in held}
    live = await look.rows(
        "SELECT table_name || '.' || column_name AS name, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = ANY(:tables)",
        tables=sorted({e.table for e in held} | {"user_account"}),
    )
    mapped = {f"{e.table}.{e.column}" for e in datamap.entries()}
    hidden = sorted(row["name"] for row in live if row["name"] not in mapped)
    extra = sorted(name for name in listed if name.split(".")[1] not in ACCOUNT_MAY_HOLD)
    phone_required = [r["name"] for r in live if r["name"].endswith(".phone") and r["is_nullable"] == "NO"]
    found: Rows = [{"column": name, "declared": name in mapped} for name in sorted(listed | set(hidden))]
    looked = "Every column of the tables that hold accounts, in the live database, beside the list in the policy."
    if hidden or extra or phone_required:
        wrong = ", ".join([*hidden, *extra, *phone_required])
        return broken(
            f"{len(hidden) + len(extra) + len(phone_required)} columns beyond what we list",
            f"These columns are not in the list, or cannot be left empty: {wrong}. We stop using them and remove them.",
            columns=len(listed),
            undeclared=len(hidden),
        ).with_evidence(looked, found=found)
    return kept(f"{len(listed)} columns, all of them listed here", columns=len(listed)).with_evidence(looked, found=found)


USAGE_TABLES_QUERY = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name IN ('usage_record', 'ledger_entry') ORDER BY 1, ordinal_position
"""
TEXT_LIMIT = 120
"""Characters in the longest identifier a usage row needs; a prompt does not hide below it for long."""


@promise(
    "collect.usage",
    1,
    _("For each call we note the time, model, sizes, duration and price. Never the words."),
)
async def usage(look: Look) -> Finding:
    """Usage tables have no column of content, and no text in them is long enough to be a message."""
    columns = await look.rows(USAGE_TABLES_QUERY)
    content = {
        f"{e.table}.{e.column}" for e in datamap.entries() if e.holds.category is Category.CONTENT and e.table == "usage_record"
    }
    mapped = {f"{e.table}.{e.column}" for e in datamap.entries()}
    texts = [c["column_name"] for c in columns if c["table_name"] == "usage_record" and "char" in c["data_type"]]
    texts += [c["column_name"] for c in columns if c["table_name"] == "usage_record" and c["data_type"] in {"text", "jsonb"}]
    undeclared = [n for c in columns if (n := f"{c['table_name']}.{c['column_name']}") not in mapped]
    wordy = " OR ".join(
        f"length(\"{name}\"::text) > {TEXT_LIMIT} OR \"{name}\"::text ~ '\\s\\S+\\s\\S+\\s'" for name in texts
    )
    query = f"SELECT count(*) AS rows, count(*) FILTER (WHERE {wordy or 'false'}) AS wordy FROM usage_record"  # noqa: S608 - names from the catalogue
    row = (await look.rows(query.replace(":", r"\:")))[0]
    looked = "Every text column of every usage row: is there anything that reads like a message?"
    if content or undeclared or row["wordy"]:
        return broken(
            f"{row['wordy']} usage rows with words in them",
            "Something that reads like a message stands in a usage table. It is removed, and what wrote it is stopped.",
            rows=row["rows"],
            wordy=row["wordy"],
            undeclared=len(undeclared) + len(content),
        ).with_evidence(looked, query, [row])
    return kept(f"0 of {row['rows']} usage rows hold any words", rows=row["rows"], wordy=0).with_evidence(looked, query, [row])


PAYMENT_TABLES_QUERY = """
SELECT c.table_name, c.column_name FROM information_schema.columns c
WHERE c.table_schema = 'public' AND c.data_type IN ('text', 'character varying', 'jsonb', 'json')
  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class k ON k.oid = i.inhrelid WHERE k.relname = c.table_name)
  AND (c.table_name LIKE '%payment%' OR c.table_name LIKE '%webhook%' OR c.table_name LIKE 'ledger%'
       OR c.table_name LIKE 'wallet%' OR c.table_name LIKE 'procrastinate_jobs')
"""


@promise(
    "payment.no-card",
    1,
    _("We never store a card number, CVV, UPI PIN or bank login. The payment company handles those."),
)
async def no_card(look: Look) -> Finding:
    """No text of a payment table, webhook body or job holds a number that passes a card's check digit."""
    places = await look.rows(PAYMENT_TABLES_QUERY)
    rows = hits = 0
    found: Rows = []
    for place in places:
        table, column = place["table_name"], place["column_name"]
        values = await look.rows(
            f'SELECT "{column}"\\:\\:text AS value FROM "{table}" WHERE "{column}"\\:\\:text ~ \'[0-9][0-9 -]{{11,}}[0-9]\''  # noqa: S608 - names from the catalogue
        )
        rows += await look.one(f'SELECT count(*) FROM "{table}"') or 0  # noqa: S608 - a name from the catalogue
        here = sum(holds_card(row["value"]) for row in values)
        hits += here
        found.append({"place": f"{table}.{column}", "card numbers": here})
    looked = "Every text in payments, wallets, webhook bodies and jobs: a number of 13 to 19 digits with a valid check digit."
    if hits:
        return broken(
            f"{hits} card numbers found",
            "Card numbers were written where none may be. They are removed now, and the people concerned are told.",
            places=len(places),
            cards=hits,
        ).with_evidence(looked, found=found)
    return kept(f"0 card numbers in {len(places)} places", places=len(places), rows=rows, cards=0).with_evidence(looked, found=found)


def holds_card(text: str) -> bool:
    """Whether a text holds a number that could be a payment card: 13 to 19 digits, first 2 to 6, valid by Luhn (ISO/IEC 7812-1)."""
    return any(
        digits[0] in "23456" and luhn(digits) for match in CARD.finditer(text) if (digits := re.sub(r"\D", "", match[0]))
    )


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1 Annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digits of a two-digit product
    return total % 10 == 0
