"""The reference pages under docs/, written from the code, so that they cannot say anything else.

`python -m tools.docs` writes them, `--check` says which are stale and what exists undocumented.
"""

from tools.docs.writing import ROOT, pages, silent, stale, write

__all__ = ["ROOT", "pages", "silent", "stale", "write"]
