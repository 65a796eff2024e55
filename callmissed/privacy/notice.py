"""The notice: what we hold, what for, on what ground and how long, read from the data map (DPDP Act 2023, s. 5)."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Category, Holds, Keep, Whose

_ = str

CATEGORIES = {
    Category.ACCOUNT: _("Account"),
    Category.CONTACT_POINT: _("How to reach people"),
    Category.CONTENT: _("Messages, calls and files"),
    Category.USAGE: _("Usage"),
    Category.DEVICE: _("Devices"),
    Category.PAYMENT: _("Payments"),
    Category.MONEY: _("Money"),
    Category.PSEUDONYM: _("Numbers that stand for people"),
    Category.SECRET_HASH: _("Fingerprints of secrets"),
    Category.BUSINESS_CONTENT: _("What a business wrote for its bot"),
    Category.EVIDENCE: _("Evidence"),
    Category.NONE: _("Other"),
}
WHOSE = {
    Whose.USER: _("of people with an account"),
    Whose.CONTACT: _("of the customers of a business"),
    Whose.NOBODY: _("of nobody"),
}
PURPOSES = {
    "service": _("to give the service"),
    "billing": _("to bill"),
    "security": _("to keep it safe"),
    "support": _("to help you"),
    "legal": _("because law asks for it"),
}
GROUNDS = {
    "contract": _("you gave it for this purpose"),
    "consent": _("your consent"),
    "law": _("law"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """One line of the notice: a category of some people's data that is kept equally long.

    `what` are the kinds of data, `columns` the places in the database they were read from.
    """

    category: str
    whose: str
    what: tuple[str, ...]
    purposes: tuple[str, ...]
    grounds: tuple[str, ...]
    days: int | None
    until: str | None
    columns: tuple[str, ...]


def _declared() -> Iterator[tuple[str, Holds, Keep]]:
    for entry in datamap.entries():
        yield f"{entry.table}.{entry.column}", entry.holds, entry.keep
    for store in datamap.stores():
        for name, holds in store.fields.items():
            yield f"{store.name}: {name}", holds, store.keep


def held() -> list[Held]:
    """Every personal column and field of the data map, each in exactly one line, in the order of the categories."""
    lines: defaultdict[tuple[Category, Whose, int | None, str | None], list[tuple[str, Holds]]] = defaultdict(
        list
    )
    for where, holds, keep in _declared():
        if holds.is_personal:
            lines[holds.category, holds.whose, keep.days, keep.until].append((where, holds))
    order = list(CATEGORIES)
    people = list(WHOSE)
    keys = sorted(
        lines, key=lambda key: (order.index(key[0]), people.index(key[1]), key[2] or 0, key[3] or "")
    )
    return [_line(key, lines[key]) for key in keys]


def _line(key: tuple[Category, Whose, int | None, str | None], members: list[tuple[str, Holds]]) -> Held:
    category, whose, days, until = key
    return Held(
        category=CATEGORIES[category],
        whose=WHOSE[whose],
        what=tuple(dict.fromkeys(holds.what for _, holds in members)),
        purposes=tuple(
            dict.fromkeys(PURPOSES.get(name, name) for _, holds in members for name in holds.purposes)
        ),
        grounds=tuple(dict.fromkeys(GROUNDS.get(holds.ground, holds.ground) for _, holds in members)),
        days=days,
        until=until,
        columns=tuple(where for where, _ in members),
    )
