"""Write the register of the notices: each sentence with what it comes from.

`python -m tools.notices` writes it; `--check` prints what does not agree and exits 1. Both refuse what is hard to read.
"""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import walk_packages

import callmissed
from callmissed.privacy.notices import gaps, written
from callmissed.privacy.notices.documents import Document
from callmissed.privacy.notices.register import FILE, as_text, committed, register_of, required
from tools.reading_age import reading_age

OLDEST_FOR_ALL, OLDEST_FOR_ONE = 12.0, 16.0
"""Years: what a whole notice may ask of its reader, and what one sentence may."""
SHORTEST = 6
"""Words of a sentence below which its age says nothing."""


def hard_to_read(documents: Iterable[Document]) -> Iterator[str]:
    """Notices and sentences that ask more of a reader than they may (DPDP Rules 2025, rule 3(b): clear and plain language)."""
    for document in documents:
        texts = [each.text for each in document.sentences()]
        if (age := reading_age(texts)) > OLDEST_FOR_ALL:
            yield f"{document.name} is read with ease from {age} years on; write it for {OLDEST_FOR_ALL:.0f}"
        for each in document.sentences():
            if len(each.text.split()) >= SHORTEST and (age := reading_age([each.text])) > OLDEST_FOR_ONE:
                yield f"{each.id} is read with ease from {age} years on; write it for {OLDEST_FOR_ONE:.0f}"


def load() -> None:
    """Import every module, so that the data map has each table, store and field of the log."""
    for module in walk_packages(callmissed.__path__, "callmissed."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def main() -> int:
    """Write the register, or compare it. An id that no notice tells is refused both ways."""
    load()
    documents = written()
    checking = "--check" in sys.argv[1:]
    wrong = [
        *gaps(documents, required(), committed() if checking else register_of(documents)),
        *hard_to_read(documents),
    ]
    for each in wrong:
        print(each)
    if not checking and not wrong:
        FILE.write_text(as_text(register_of(documents)), encoding="utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
