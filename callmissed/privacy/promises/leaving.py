"""Promises on leaving (Policy §2, §5, §9): thirty days to change one's mind, then erased; told in time; no children."""

from datetime import timedelta
from typing import Any

from sqlalchemy import FromClause, Select, and_, exists, func, or_, select, true

from callmissed.foundation import clock, datamap
from callmissed.identity import alerts, erasing
from callmissed.privacy.promises.engine import Finding, Look, Rows, judge, promise
from callmissed.privacy.promises.keeping import mapped

_ = str

SLACK = timedelta(hours=1)
"""An erasure may take this long after it is due before it counts as late."""

MAILED_WITHIN = timedelta(minutes=5)
UNFINISHED = timedelta(days=2)
"""An account that was begun and never finished is erased after a day; after two it is too late."""


def erased(kind: str) -> Select[Any]:
    """The ids of workspaces or accounts whose erasure is complete."""
    closing = mapped("closing").columns
    return select(closing["subject_id"]).where(closing["kind"] == kind, closing["erased_at"].is_not(None))


@promise(
    "keep.deleted-account",
    5,
    _("If you close your account, you have 30 days to change your mind. Then it is erased for good."),
    every_minutes=5,
)
async def deleted_account(look: Look) -> Finding:
    """Nothing closed is past its end, nothing erased has a row, and each erasure has a receipt for every store."""
    closing, notice, step = (
        mapped("closing"),
        mapped("closing_notice").columns,
        mapped("erasure_step").columns,
    )
    found, hold = await _rows_left(look), mapped("legal_hold").columns
    now, columns = clock.now(), closing.columns
    waiting = and_(columns["reopened_at"].is_(None), columns["erased_at"].is_(None))
    unsent = exists().where(notice["closing_id"] == columns["id"], notice["sent_at"].is_(None))
    in_force = and_(hold["released_at"].is_(None), hold["expires_on"] >= clock.today())
    frozen = and_(columns["held_at"] > now - SLACK, exists().where(in_force))
    late = and_(columns["ends_at"] < now - SLACK, frozen.is_not(true()))
    overdue = select(func.count()).select_from(closing).where(waiting, ~unsent, late)
    late_notices = (
        select(func.count())
        .select_from(closing.join(mapped("closing_notice"), notice["closing_id"] == columns["id"]))
        .where(waiting, notice["sent_at"].is_(None), notice["due_at"] < now - SLACK)
    )
    figures = {
        "closed": await look.one(_count(closing).where(waiting)),
        "erased": await look.one(_count(closing).where(columns["erased_at"].is_not(None))),
        "stores": len(found),
        "left": sum(row["rows left"] for row in found),
        "late": await look.one(overdue),
        "late_notices": await look.one(late_notices),
        "receipts": await look.one(select(func.count(step["receipt"]))),
        "without_receipt": await look.one(_without_receipt()),
    }
    wrong = sum(int(figures[name]) for name in ("left", "late", "late_notices", "without_receipt"))
    return judge(
        not wrong,
        figures,
        kept=_(
            "%(closed)s closed, %(erased)s erased with %(receipts)s receipts; 0 rows left in %(stores)s stores"
        ),
        broken=_("%(left)s rows left, %(late)s erasures late, %(without_receipt)s without all receipts"),
        explanation=_(
            "Something that was closed is not gone in time, or cannot be shown to be. The erasure is repeated at once."
        ),
        looked_at=_(
            "Everything that was closed: is it past its thirty days? Everything that was erased: does any store still"
            " have a row of it, and is there a signed receipt for each store?"
        ),
        query=overdue,
        found=found,
    )


async def _rows_left(look: Look) -> Rows:
    """Each store with the number of rows it still has of what was erased."""
    found: Rows = []
    for table in datamap.erasable_tables():
        mine = table.columns["tenant_id"].in_(erased("tenant"))
        found.append({_("store"): table.name, _("rows left"): await look.one(_count(table).where(mine))})
    for table in erasing.personal_tables():
        names = (table.columns[name].in_(erased("account")) for name in erasing.owners_in(table))
        found.append(
            {_("store"): table.name, _("rows left"): await look.one(_count(table).where(or_(*names)))}
        )
    return found


def _count(table: FromClause) -> Select[int]:
    return select(func.count()).select_from(table)


def _without_receipt() -> Select[int]:
    """Complete erasures of which a store has no receipt: steps are numbered from 0 without gaps."""
    closing, step = mapped("closing").columns, mapped("erasure_step").columns
    steps = select(step["id"]).where(step["closing_id"] == closing["id"])
    missing = exists(steps.where(step["receipt"].is_(None)))
    gaps = (
        select(func.count() != func.coalesce(func.max(step["position"]), -1) + 1)
        .where(step["closing_id"] == closing["id"])
        .scalar_subquery()
    )
    return select(func.count(closing["id"])).where(
        closing["erased_at"].is_not(None), or_(missing, gaps, ~exists(steps))
    )


@promise(
    "use.transactional",
    2,
    _("We send the mails you need: codes, receipts, security warnings."),
)
async def transactional(look: Look) -> Finding:
    """Each event of the log that must bring a warning has brought one, and no letter waits longer than five minutes."""
    leaf, alert, letter = mapped("audit_leaf"), mapped("security_alert"), mapped("mail_message")
    first = select(func.min(alert.columns["created_at"])).scalar_subquery()
    told = exists().where(alert.columns["leaf_id"] == leaf.columns["id"])
    now = clock.now()
    events = and_(
        leaf.columns["action"].in_(list(alerts.TRIGGERS)),
        leaf.columns["actor_kind"] == "user",
        leaf.columns["created_at"] >= first,
        leaf.columns["created_at"] > now - timedelta(days=7),
    )
    untold = select(func.count()).select_from(leaf).where(events, ~told)
    written = exists().where(letter.columns["id"] == alert.columns["letter_id"])
    lately = alert.columns["created_at"] > now - timedelta(days=7)
    late = and_(letter.columns["state"] == "queued", letter.columns["created_at"] < now - MAILED_WITHIN)
    in_time = or_(letter.columns["send_before"].is_(None), letter.columns["send_before"] > now)
    figures = {
        "events": await look.one(select(func.count()).select_from(leaf).where(events)),
        "letters": await look.one(select(func.count()).select_from(letter)),
        "untold": await look.one(untold),
        "unwritten": await look.one(select(func.count()).select_from(alert).where(lately, ~written)),
        "late": await look.one(select(func.count()).select_from(letter).where(late, in_time)),
    }
    wrong = figures["untold"] + figures["unwritten"] + figures["late"]
    return judge(
        not wrong,
        figures,
        kept=_(
            "%(events)s events, each with its letter; 0 of %(letters)s letters wait longer than five minutes"
        ),
        broken=_("%(untold)s events without a letter, %(late)s letters late"),
        explanation=_(
            "Somebody was not told of something they had to hear. The letters go out now; who waited is told why."
        ),
        looked_at=_(
            "Every event of a week that must bring a letter, against the letters; and every letter that waits to be sent."
        ),
        query=untold,
        found=[{_("figure"): name, _("count"): value} for name, value in figures.items()],
    )


@promise(
    "children.none",
    9,
    _("The service is not for people under 18. If we learn of a child's data, we remove it promptly."),
)
async def children(look: Look) -> Finding:
    """Every account has said that its holder is 18 or older, and no sign of a child waits past its time."""
    account, signal, session = mapped("user_account"), mapped("child_signal"), mapped("session")
    now = clock.now()
    silent = and_(
        account.columns["adult_declared_at"].is_(None),
        account.columns["deactivated_at"].is_(None),
        account.columns["created_at"] < now - UNFINISHED,
    )
    undeclared = select(func.count()).select_from(account).where(silent)
    waits = signal.columns["settled_at"].is_(None)
    works = exists().where(
        session.columns["user_id"] == signal.columns["user_id"], session.columns["revoked_at"].is_(None),
        session.columns["created_at"] < signal.columns["created_at"],
    )  # fmt: skip
    figures = {
        "accounts": await look.one(select(func.count()).select_from(account)),
        "undeclared": await look.one(undeclared),
        "signals": await look.one(select(func.count()).select_from(signal).where(waits)),
        "overdue": await look.one(
            select(func.count()).select_from(signal).where(waits, signal.columns["due_at"] < now)
        ),
        "at_work": await look.one(select(func.count()).select_from(signal).where(waits, works)),
    }
    wrong = figures["undeclared"] + figures["overdue"] + figures["at_work"]
    return judge(
        not wrong,
        figures,
        kept=_(
            "%(accounts)s accounts, all of people who said they are 18 or older; %(signals)s signs of a child open"
        ),
        broken=_(
            "%(undeclared)s accounts without a declaration, %(overdue)s signs of a child past their time"
        ),
        explanation=_(
            "An account may be a child's, and nobody has settled it in time. It is locked, and looked at now."
        ),
        looked_at=_(
            "The declaration of age on every account; and every reported sign of a child, with the time it was settled."
        ),
        query=undeclared,
        found=[{_("figure"): name, _("count"): value} for name, value in figures.items()],
    )
