"""`python -m tools.docs [--check]`: writes the reference pages, or says which are stale; exits 1 if anything is wrong."""

import sys

from tools.docs import pages, silent, stale, write
from tools.docs.reading import everything


def main(arguments: list[str]) -> int:
    """Write or compare."""
    everything()
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 1
    said = [f"{each} has no description" for each in silent()]
    if arguments:
        said += [f"docs/{name} is stale: run python -m tools.docs" for name in stale(pages())]
    else:
        write(pages())
    print(*said, sep="\n", end="\n" if said else "")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
