"""The policy as data: its sentences, what the data map says is held, the operator's facts; and their fingerprint."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Holds, Keep
from callmissed.privacy.facts import Facts
from callmissed.privacy.promises.engine import declared

PolicyText = dict[str, dict[str, str]]
"""Part (sentences, held, facts) to the name of each line to the line."""


def policy_text(facts: Facts) -> PolicyText:
    """Everything the policy says now, in English, line by line."""
    held = {f"{each.table}.{each.column}": _line(each.holds, each.keep) for each in datamap.entries()}
    for store in datamap.stores():
        held |= {f"{store.name}.{name}": _line(holds, store.keep) for name, holds in store.fields.items()}
    said = {
        **facts.legal(),
        "hosting": facts.hosting,
        "region": facts.region,
        "grievance_officer": facts.grievance_officer,
        "grievance_email": facts.grievance_email,
    }
    return {
        "sentences": {name: f"{each.clause} {each.sentence}" for name, each in declared().items()},
        "held": held,
        "facts": said,
    }


def _line(holds: Holds, keep: Keep) -> str:
    period = keep.until or f"{keep.days} days from {keep.anchor}"
    purposes = ", ".join(holds.purposes)
    return f"{holds.category}: {holds.what} ({holds.whose}; {purposes}; {holds.ground}; {period})"


def digest_of(text: Mapping[str, Mapping[str, str]]) -> str:
    """SHA-256 over all lines, in a fixed order, as 64 hex digits."""
    return sha256(json.dumps(text, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def written(moment: datetime) -> str:
    """A time as the audit log holds it: UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


NAMES = {"sentences": "sentence", "held": "column", "facts": "fact"}


def summary_of(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> str:
    """What changed between two texts, in plain words: "2 sentences changed, 1 column added"."""
    parts: list[str] = []
    for part, name in NAMES.items():
        old, new = before.get(part, {}), after.get(part, {})
        counts = {
            "added": len(new.keys() - old.keys()),
            "changed": sum(old[line] != new[line] for line in old.keys() & new.keys()),
            "removed": len(old.keys() - new.keys()),
        }
        parts += [f"{n} {name}{'s' * (n != 1)} {verb}" for verb, n in counts.items() if n]
    return ", ".join(parts) or "nothing changed"
