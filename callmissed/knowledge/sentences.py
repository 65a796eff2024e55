"""Sentences of a text, in Latin and Indian scripts. A line break ends a sentence: lists and table rows are lines."""

import re

ENDS = re.compile(r"(?<=[.!?।॥])[\"'”’)\]]*\s+|\n+")
ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:rs|no|nos|dr|mr|mrs|ms|st|rd|sr|jr|shri|smt|vs|approx|min|max|hrs|e\.g|i\.e|etc|a\.m|p\.m|opp|nr|[a-z]|डॉ|श्री|रु|नं)\.$",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, without empty ones."""
    found: list[str] = []
    pending = ""
    at = 0
    for end in ENDS.finditer(text):
        pending = text[at : end.end()]
        if (
            "\n" not in end[0]
            and ABBREVIATION.search(pending.rstrip())
            and not _capital_after_time(pending, text, end.end())
        ):
            continue
        found.append(pending.strip())
        at = end.end()
    found.append(text[at:].strip())
    return [each for each in found if each]


def _capital_after_time(before: str, text: str, at: int) -> bool:
    """Whether a sentence ends here although it ends in "p.m.": the next one begins with a capital."""
    return before.rstrip().lower().endswith(("a.m.", "p.m.", "etc.")) and text[at : at + 1].isupper()
