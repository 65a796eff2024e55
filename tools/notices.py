"""Write the register of the notices: each sentence with what it comes from.

`python -m tools.notices` writes it; `--check` prints what does not agree and exits 1.
"""

import sys
from importlib import import_module
from pkgutil import walk_packages

import callmissed
from callmissed.privacy.notices import gaps, written
from callmissed.privacy.notices.register import FILE, as_text, committed, register_of, required


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
    wrong = gaps(documents, required(), committed() if checking else register_of(documents))
    for each in wrong:
        print(each)
    if not checking and not wrong:
        FILE.write_text(as_text(register_of(documents)), encoding="utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
