"""Write docs/promises.md: every promise with what its check looks at and who breaks it in the tests.

`python -m tools.promises` writes the page; `--check` exits 1 when it is out of date.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from callmissed.app import tables
from callmissed.privacy.promises import promises
from callmissed.privacy.promises.engine import Promise
from tests.rooms.privacy.saboteurs import Saboteur, saboteurs

PAGE = Path(__file__).resolve().parent.parent / "docs" / "promises.md"

HEAD = """\
# The promises

Every promise of the published policy: its clause, its sentence, what its check looks at on a running installation, and the
saboteurs that break it in `tests/rooms/privacy/saboteurs`. Generated; write it anew with `python -m tools.promises`.

{checked} of {all} promises are checked, by {legs} ways of breaking them and {silent} of silencing what they ask. The others
are shown to readers as *cannot tell*.
"""


def page() -> str:
    """The page as it should be."""
    tables.load()
    every, known = promises(), saboteurs()
    silent = sum(each.verdict == "unknown" for each in known)
    checked = sum(each.check is not None for each in every)
    head = HEAD.format(checked=checked, all=len(every), legs=len(known) - silent, silent=silent)
    return "\n".join([head, *_checked(every, known), *_waiting(every)]) + "\n"


def _checked(every: tuple[Promise, ...], known: tuple[Saboteur, ...]) -> Iterator[str]:
    yield "## Checked"
    for each in every:
        if each.check is None:
            continue
        yield f"\n### `{each.id}` ({each.clause})\n\n> {each.sentence}\n"
        yield f"Every {each.every_minutes} min. {' '.join((each.check.__doc__ or '').split())}\n"
        yield from (
            f"- `{one.name}`{' (silences)' if one.verdict == 'unknown' else ''}: {one.does}"
            for one in known
            if one.promise == each.id
        )


def _waiting(every: tuple[Promise, ...]) -> Iterator[str]:
    yield "\n## Not yet checked\n\n| promise | clause | sentence |\n| --- | --- | --- |"
    yield from (f"| `{each.id}` | {each.clause} | {each.sentence} |" for each in every if each.check is None)


def main() -> int:
    """Write the page, or compare it."""
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
