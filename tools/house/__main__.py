"""`python -m tools.house rules|doors|ratchet [--lower]`: prints what is wrong; exits with 1 if anything is."""

import sys
from pathlib import Path

from tools.house import doors, network_rules, python_rules, ratchet, template_rules, word_rules
from tools.house.rules import judge_tree

ROOT = Path(__file__).resolve().parents[2]
RATCHET = ROOT / "tools" / "ratchet.toml"
RULES = (*network_rules.RULES, *python_rules.RULES, *word_rules.RULES, *template_rules.RULES)


def check_ratchet(*, lower: bool) -> list[str]:
    """Hold the tree against the written figures; with `lower`, write down first what fell."""
    now = ratchet.measure(ROOT)
    if lower:
        ratchet.lower(RATCHET, now)
    said = ratchet.compare(now, ratchet.written(RATCHET))
    return said + ratchet.worst(ROOT) if any("longest_function" in line for line in said) else said


def main(arguments: list[str]) -> int:
    """Run one of the three checks."""
    match arguments:
        case ["rules"]:
            said = [str(finding) for finding in judge_tree(ROOT, RULES)]
        case ["doors"]:
            said = doors.offences()
        case ["ratchet", *rest] if rest in ([], ["--lower"]):
            said = check_ratchet(lower=bool(rest))
        case _:
            said = [__doc__ or ""]
    print(*said, sep="\n", end="\n" if said else "")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
