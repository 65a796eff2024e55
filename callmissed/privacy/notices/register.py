"""The register: each document's sentences with what they come from, committed, so that nothing leaves a notice unseen.

`python -m tools.notices` writes it anew; the build compares.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from callmissed.privacy.law import statutes
from callmissed.privacy.notice import held
from callmissed.privacy.notices.documents import FACTS, Document
from callmissed.privacy.promises import promises
from callmissed.privacy.promises.consent import COOKIES

FILE = Path(__file__).parent / "register.json"
CURE = "read it, then run `python -m tools.notices`"

Register = dict[str, dict[str, dict[str, object]]]
"""Document to sentence id to `from` (ids) and `hash`."""


def required() -> frozenset[str]:
    """The ids that a notice must tell: every personal row of the map, promise, cookie and published fact."""
    rows = (row for line in held() for row in line.columns)
    return frozenset((*rows, *(each.id for each in promises()), *COOKIES, *FACTS))


def promise_ids() -> frozenset[str]:
    """Ids that stand on /privacy with a verdict."""
    return frozenset(each.id for each in promises())


def register_of(documents: Sequence[Document]) -> Register:
    """The register as it should be."""
    return {
        document.name: {
            each.id: {"from": list(each.sources), "hash": each.hash} for each in document.sentences()
        }
        for document in documents
    }


def as_text(register: Register) -> str:
    """The register as it is committed."""
    return json.dumps(register, indent=1, ensure_ascii=False) + "\n"


def committed() -> Register:
    """The register of the last time somebody wrote it."""
    found: Register = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def gaps(documents: Sequence[Document], ids: Collection[str], register: Register) -> list[str]:
    """What is wrong, each with its cure; empty when every id is told, every source exists, and the register agrees."""
    return [*_coverage(documents, frozenset(ids)), *_drift(register_of(documents), register)]


def _coverage(documents: Sequence[Document], ids: frozenset[str]) -> Iterator[str]:
    told = {source: each.id for one in documents for each in one.sentences() for source in each.sources}
    for name in sorted(ids - told.keys()):
        yield f"{name} is told in no notice: name it in a sentence's `from` in privacy/notices/documents"
    law = {row.id for row in statutes().rows} | statutes().duties.keys()
    for name in sorted(told.keys() - ids - law):
        yield f"{told[name]} comes from {name}, which there is not: take it out of its `from`"


def _drift(now: Register, before: Register) -> Iterator[str]:
    for document in sorted(now.keys() | before.keys()):
        new, old = now.get(document, {}), before.get(document, {})
        for name in sorted(new.keys() | old.keys()):
            if name not in new:
                yield f"{name} has left the notice `{document}`: {CURE}"
            elif name not in old:
                yield f"{name} is new in the notice `{document}`: {CURE}"
            elif new[name] != old[name]:
                yield f"{name} says something else, or comes from something else: {CURE}"
