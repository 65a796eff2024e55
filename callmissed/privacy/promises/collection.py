"""Promises on what is collected (Policy §1): accounts, usage, payment."""

import re

from sqlalchemy import ColumnElement, Text, cast, column, func, or_, select, table

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Category
from callmissed.privacy.promises.catalogue import LIVE_COLUMNS, TEXT_KINDS, UNREADABLE, columns_of
from callmissed.privacy.promises.engine import Finding, Look, Rows, judge, promise, require

_ = str

ACCOUNT_TABLES = ("user_account", "tenant", "membership")
ACCOUNT_MAY_HOLD = frozenset(
    {
        "user_account.full_name",
        "user_account.email",
        "user_account.phone",
        "tenant.name",
        "membership.role",
        "sign_in_code.full_name",  # a name that waits for its account: gone with the code
    }
)
"""What the policy lists, beside identifiers for signing in: name, e-mail, optional phone, organisation, role."""


@promise(
    "collect.account",
    1,
    _(
        "Your account holds your name, e-mail, organisation, role and how you sign in. Your phone number only if you give it."
    ),
)
async def account(look: Look) -> Finding:
    """Account data is within the list; every live column of the account tables is in the map; the phone may be empty."""
    entries = {f"{each.table}.{each.column}": each.holds for each in datamap.entries()}
    held = {
        name
        for name, holds in entries.items()
        if holds.category is Category.ACCOUNT or (holds.must_be_sealed and name.startswith(ACCOUNT_TABLES))
    }
    live = await columns_of(look, ACCOUNT_TABLES)
    hidden = {row["name"] for row in live} - entries.keys()
    forced = {row["name"] for row in live if row["name"].endswith(".phone") and row["required"]}
    wrong = sorted(hidden | forced | (held - ACCOUNT_MAY_HOLD))
    return judge(
        not wrong,
        {"columns": len(live), "account_data": len(held), "wrong": len(wrong), "names": ", ".join(wrong)},
        kept=_("%(account_data)s kinds of account data, all of them listed here"),
        broken=_("%(wrong)s columns beyond what we list"),
        explanation=_(
            "These columns are not in our list, or cannot be left empty: %(names)s."
            " We stop using them and remove them."
        ),
        looked_at=_("Every column of the tables that hold accounts, in the live database, beside our list."),
        query=LIVE_COLUMNS,
        found=[{_("column"): name, _("in our list"): name not in wrong} for name in sorted(held | hidden)],
    )


MAY_ASK = frozenset({"openid", "email", "profile"})
IDENTITY_MAY_HOLD = frozenset(
    {"id", "user_id", "provider", "subject_index", "email", "last_used_at", "created_at"}
)
"""Of what a provider says: its id for the person, as a keyed hash, and the address. The name goes to a new account."""

IDENTITIES = "SELECT count(*) AS identities FROM linked_identity"
PASSWORD = re.compile(r"passw|pwd|passphrase")


@promise(
    "collect.idp",
    1,
    _(
        "If you sign in with another provider, we take your name, e-mail and its id for you. Never a password."
    ),
    asks=["identity.scopes"],
    every_minutes=5,
)
async def idp(look: Look) -> Finding:
    """Providers are asked for `openid email profile`; an identity has no column beyond the list; no column is a password's."""
    scopes: dict[str, str] = look.ask("identity.scopes")
    live = await look.rows(LIVE_COLUMNS)
    held = [row["column_name"] for row in live if row["table_name"] == "linked_identity"]
    wrong = [name for name, scope in scopes.items() if not MAY_ASK.issuperset(scope.split())]
    wrong += [f"linked_identity.{name}" for name in held if name not in IDENTITY_MAY_HOLD]
    wrong += [row["name"] for row in live if PASSWORD.search(row["column_name"])]
    return judge(
        not wrong and bool(held),
        {
            "providers": len(scopes),
            "identities": await look.one(IDENTITIES),
            "wrong": len(wrong),
            "names": ", ".join(sorted(wrong)),
        },
        kept=_("%(identities)s identities at %(providers)s providers hold the address and the id, no more"),
        broken=_("%(wrong)s places ask or hold more than that"),
        explanation=_("Too much: %(names)s. It is not asked for any more, and what was kept is removed."),
        looked_at=_(
            "What each provider is asked for, every column in which an identity is kept,"
            " and every column of the database by name: is one for a password?"
        ),
        query=IDENTITIES,
        found=[
            *({_("place"): name, _("asked or held"): scope} for name, scope in scopes.items()),
            *({_("place"): "linked_identity", _("asked or held"): name} for name in held),
        ],
    )


USAGE_TABLES = ("usage_record", "ledger_entry")
LONGEST_IDENTIFIER = 120
"""Characters in the longest identifier a usage row needs; a message does not hide below it for long."""
PROSE = r"\s\S+\s\S+\s|[^\x01-\x7f]"
"""Four words in a row, or a letter outside ASCII: an identifier has neither, a message has one of them."""


def wordy(values: list[ColumnElement[str]]) -> ColumnElement[bool]:
    """Whether one of these texts reads like a message."""
    return or_(
        *(func.length(value) > LONGEST_IDENTIFIER for value in values),
        *(value.regexp_match(PROSE) for value in values),
    )


@promise(
    "collect.usage",
    1,
    _("For each call we note the time, model, sizes, duration and price. Never the words."),
    every_minutes=5,
)
async def usage(look: Look) -> Finding:
    """Usage tables have no column of content or outside the map, and no text in them reads like a message."""
    entries = {f"{each.table}.{each.column}": each.holds for each in datamap.entries()}
    live = await columns_of(look, USAGE_TABLES)
    content = [
        row["name"] for row in live if row["name"] not in entries or entries[row["name"]].must_be_sealed
    ]
    found: Rows = []
    query = None
    for name in USAGE_TABLES:
        texts: list[ColumnElement[str]] = [
            cast(column(row["column_name"]), Text)
            for row in live
            if row["table_name"] == name and row["kind"].startswith(TEXT_KINDS)
        ]
        query = select(func.count().label("rows"), func.count().filter(wordy(texts)).label("wordy"))
        query = query.select_from(table(name))
        found.append({_("store"): name, **await look.row(query)})
    rows, said = sum(each["rows"] for each in found), sum(each["wordy"] for each in found)
    return judge(
        not said and not content,
        {"rows": rows, "wordy": said, "content_columns": len(content)},
        kept=_("0 of %(rows)s usage rows hold any words"),
        broken=_("%(wordy)s usage rows with words in them, %(content_columns)s columns that could hold some"),
        explanation=_(
            "Something that reads like a message stands in a usage table, or could."
            " It is removed, and what wrote it is stopped."
        ),
        looked_at=_("Every text of every usage row: is there anything that reads like a message?"),
        query=query,
        found=found,
    )


CARD = re.compile(r"(?<![0-9a-fA-F.-])(?:\d[ -]?){12,18}\d(?![0-9a-fA-F-])")
MAY_BE_CARD = "[0-9][0-9 -]{11,}[0-9]"
PAYMENT_PLACES = re.compile(r"payment|webhook|ledger|wallet|invoice|order|procrastinate_jobs")


@promise(
    "payment.no-card",
    1,
    _("We never store a card number, CVV, UPI PIN or bank login. The payment company handles those."),
    asks=["logs.secrets"],
    every_minutes=15,
)
async def no_card(look: Look) -> Finding:
    """No text of a payment table, webhook body, job or log holds a number that passes a card's check digit."""
    logs: dict[str, int] = look.ask("logs.secrets")
    found: Rows = [{_("place"): "logs", _("rows"): logs["lines"], _("card numbers"): logs["cards"]}]
    query = None
    for row in await look.rows(LIVE_COLUMNS):
        if not PAYMENT_PLACES.search(row["table_name"]) or not row["kind"].startswith(TEXT_KINDS):
            continue
        value = cast(column(row["column_name"]), Text)
        place = table(row["table_name"])
        query = select(value.label("value")).select_from(place).where(value.regexp_match(MAY_BE_CARD))
        cards = sum(holds_card(each["value"]) for each in await look.rows(query))
        rows = await look.one(select(func.count()).select_from(place))
        found.append({_("place"): row["name"], _("rows"): rows, _("card numbers"): cards})
    cards = sum(each["card numbers"] for each in found)
    require(logs["files"], "logs.secrets")
    for closed in await look.rows(UNREADABLE):
        require(not PAYMENT_PLACES.search(closed["relname"]), f"table {closed['relname']}")
    return judge(
        not cards,
        {"places": len(found), "rows": sum(each["rows"] for each in found), "cards": cards},
        kept=_("0 card numbers in %(places)s places"),
        broken=_("%(cards)s card numbers found"),
        explanation=_(
            "Card numbers were written where none may be. They are removed now, and the people concerned are told."
        ),
        looked_at=_(
            "Every text in payments, wallets, webhook bodies, jobs and logs:"
            " is there a number of 13 to 19 digits with a card's check digit?"
        ),
        query=query,
        found=found,
    )


def holds_card(words: str) -> bool:
    """Whether a text holds a number that could be a payment card: 13 to 19 digits, first 2 to 6, valid by Luhn.

    Source: ISO/IEC 7812-1.
    """
    numbers = (re.sub(r"\D", "", match[0]) for match in CARD.finditer(words))
    return any(digits[0] in "23456" and luhn(digits) for digits in numbers)


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1 Annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
