"""What changed between two versions of the policy, in plain words, and whether it is material (Policy §12).

Material is what a person could mind: a promise gone or worded otherwise, a new kind of their data, a new purpose, a longer time,
another place or company. A new promise, a shorter time, a column more of what is said already, are not.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callmissed.foundation.datamap import Category, Whose
from callmissed.foundation.i18n import t
from callmissed.privacy.notice import CATEGORIES, PURPOSES, WHOSE

_ = str

HELD = re.compile(
    r"(?P<category>\w+): (?P<what>.*) \((?P<whose>\w+); (?P<purposes>[^;]*); (?P<ground>[^;]*); (?P<period>[^;]*)\)"
)
"""One line of a version's data map, as `text.policy_text` writes it."""

DAYS = re.compile(r"(\d+) days from")
MATERIAL_FACTS = frozenset({"legal_name", "region", "hosting"})

SAID = {
    "promise_new": _("New promise: “%(now)s”"),
    "promise_gone": _("No longer promised: “%(before)s”"),
    "promise_changed": _("Promised in other words. Before: “%(before)s” Now: “%(now)s”"),
    "kind_new": _("New kind of data %(whose)s: %(category)s (%(what)s)"),
    "kind_gone": _("No longer held %(whose)s: %(category)s"),
    "purpose_new": _("%(category)s %(whose)s also used %(purpose)s"),
    "purpose_gone": _("%(category)s %(whose)s no longer used %(purpose)s"),
    "longer": _("“%(what)s” is kept longer: %(now)s. Before: %(before)s."),
    "shorter": _("“%(what)s” is kept for a shorter time: %(now)s. Before: %(before)s."),
    "period": _("“%(what)s” is kept otherwise: %(now)s. Before: %(before)s."),
    "fact": _("%(name)s: %(now)s. Before: %(before)s."),
}
"""What each kind of change is called."""

MATERIAL = frozenset({"promise_gone", "promise_changed", "kind_new", "purpose_new", "longer", "period"})


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its kind (a key of `SAID`) and the words that belong into its sentence; some are spoken in translation."""

    kind: str
    words: Mapping[str, str]
    material: bool

    def told(self) -> str:
        """The sentence, in the language being spoken."""
        spoken = {name: t(word) if name in SPOKEN else word for name, word in self.words.items()}
        return t(SAID[self.kind]) % spoken


SPOKEN = frozenset({"category", "whose", "purpose"})

Text = Mapping[str, Mapping[str, str]]


def changes(before: Text, after: Text) -> list[Change]:
    """What `after` says otherwise than `before`; what is material comes first."""
    found = [*_promises(before, after), *_held(before, after), *_facts(before, after)]
    return sorted(found, key=lambda each: not each.material)


def _made(kind: str, **words: str) -> Change:
    return Change(kind, words, kind in MATERIAL)


def _promises(before: Text, after: Text) -> Iterator[Change]:
    old, new = before.get("sentences", {}), after.get("sentences", {})
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None:
            yield _made("promise_new", now=now or "")
        elif now is None:
            yield _made("promise_gone", before=was)
        elif was != now:
            yield _made("promise_changed", before=was, now=now)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the data map, taken apart."""

    category: str
    what: str
    whose: str
    purposes: frozenset[str]
    period: str

    @property
    def kind(self) -> tuple[str, str]:
        return self.category, self.whose


def _lines(text: Text) -> dict[str, _Line]:
    found: dict[str, _Line] = {}
    for name, line in text.get("held", {}).items():
        parts = HELD.fullmatch(line)
        if parts and parts["whose"] != Whose.NOBODY:
            purposes = frozenset(filter(None, parts["purposes"].split(", ")))
            found[name] = _Line(parts["category"], parts["what"], parts["whose"], purposes, parts["period"])
    return found


def _held(before: Text, after: Text) -> Iterator[Change]:
    old, new = _lines(before), _lines(after)
    was, now = _kinds(old), _kinds(new)
    for kind in sorted(was.keys() | now.keys()):
        names = {"category": CATEGORIES[Category(kind[0])], "whose": WHOSE[Whose(kind[1])]}
        if kind not in was:
            what = ", ".join(dict.fromkeys(line.what for line in new.values() if line.kind == kind))
            yield _made("kind_new", **names, what=what)
        elif kind not in now:
            yield _made("kind_gone", **names)
        else:
            for purpose in sorted(now[kind] - was[kind]):
                yield _made("purpose_new", **names, purpose=PURPOSES.get(purpose, purpose))
            for purpose in sorted(was[kind] - now[kind]):
                yield _made("purpose_gone", **names, purpose=PURPOSES.get(purpose, purpose))
    for name in sorted(old.keys() & new.keys()):
        if old[name].period != new[name].period:
            yield _period(old[name], new[name])


def _kinds(lines: Mapping[str, _Line]) -> dict[tuple[str, str], frozenset[str]]:
    """Kind of data to every purpose that some column of it has."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for line in lines.values():
        found[line.kind] = found.get(line.kind, frozenset()) | line.purposes
    return found


def _period(was: _Line, now: _Line) -> Change:
    days = [DAYS.match(line.period) for line in (was, now)]
    kind = "period"
    if days[0] and days[1]:
        kind = "longer" if int(days[1][1]) > int(days[0][1]) else "shorter"
    return _made(kind, what=now.what, before=was.period, now=now.period)


def _facts(before: Text, after: Text) -> Iterator[Change]:
    old, new = before.get("facts", {}), after.get("facts", {})
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name, ""), new.get(name, "")
        if was != now:
            words = {"name": name.replace("_", " "), "before": was or "–", "now": now or "–"}
            yield Change("fact", words, material=name in MATERIAL_FACTS)
