"""Promises on the operator and on this policy itself (Policy §12, §13)."""

import re

from callmissed.privacy.gstin import is_gstin
from callmissed.privacy.promises.engine import Finding, Look, broken, kept, promise

_ = str

CIN = re.compile(r"[LU][0-9]{5}[A-Z]{2}(19|20)[0-9]{2}(PLC|PTC|OPC|NPL|GOI|SGC|FTC|FLC|GAP|GAT|ULL|ULT)[0-9]{6}")
"""Corporate Identity Number: listing, industry, state, year, kind, registration number (Companies Act 2013)."""

PLACEHOLDER = re.compile(r"x{3,}|pending|to be |tbd|sample|example|your |placeholder|lorem", re.IGNORECASE)


@promise("entity.published", 13, _("You can see who runs this service: legal name, office, company number and GSTIN."))
async def published(look: Look) -> Finding:
    """The four facts are configured, are no placeholders, and company number and GSTIN are well formed."""
    facts = {name: str(look.facts.get(name, "")).strip() for name in ("legal_name", "registered_office", "cin", "gstin")}
    wrong = {name: "missing" for name, value in facts.items() if not value}
    wrong |= {name: "a placeholder" for name, value in facts.items() if PLACEHOLDER.search(value)}
    if facts["cin"] and "cin" not in wrong and not CIN.fullmatch(facts["cin"]):
        wrong["cin"] = "not a company number"
    if facts["gstin"] and "gstin" not in wrong and not is_gstin(facts["gstin"]):
        wrong["gstin"] = "its check character is wrong"
    looked = "The operator's legal identity as configured on this installation; form and check character of the numbers."
    found = [{"fact": name.replace("_", " "), "state": wrong.get(name, "in order")} for name in facts]
    if wrong:
        list_of = ", ".join(f"{name.replace('_', ' ')} ({why})" for name, why in wrong.items())
        return broken(
            f"{len(wrong)} of {len(facts)} facts missing",
            f"Not in order: {list_of}. Whoever runs this installation must configure them; production does not start before that.",
            facts=len(facts),
            wrong=len(wrong),
        ).with_evidence(looked, found=found)
    return kept(f"{len(facts)} of {len(facts)} facts published and well formed", facts=len(facts), wrong=0).with_evidence(looked, found=found)


VERSION_QUERY = "SELECT number, digest, effective_at FROM policy_version WHERE effective_at <= now() ORDER BY number DESC LIMIT 1"


@promise("change.date", 12, _("The date of the last change at the top of this page is true."))
async def date(look: Look) -> Finding:
    """The text now shown has the digest of the newest effective version, and so the date shown is its date."""
    shown: str = await look.ask("policy.digest")
    rows = await look.rows(VERSION_QUERY)
    looked = "The text shown now, compared with the newest version on record by a fingerprint of every sentence and of the data map."
    if not rows or rows[0]["digest"] != shown:
        return broken(
            "The text shown is not a version on record",
            "Sentences or data changed without a new version, so the date above is wrong. A version is recorded, or the change undone.",
            version=rows[0]["number"] if rows else 0,
        ).with_evidence(looked, VERSION_QUERY, rows)
    row = rows[0]
    return kept(f"Version {row['number']}, in effect since {row['effective_at']:%-d %B %Y}", version=row["number"]).with_evidence(
        looked, VERSION_QUERY, rows
    )
