"""The audit log: every change of state leaves a record, and nobody can take one back unseen.

A leaf is written in the transaction that makes the change. The sealer gives leaves their place in one Merkle tree and
signs it; `verify.py` checks an export offline. Records hold pseudonyms and salted commitments, so erasing a person makes
them unlinkable while the tree still verifies. The log is tamper-evident, which is less than immutable and can be shown.
"""

from callmissed.foundation.audit.export import NothingSealed, export_all, export_tenant, verify_log
from callmissed.foundation.audit.log import Wanted, actions_of, leaf, leaves_about, recent, record, search
from callmissed.foundation.audit.models import AuditLeaf, append_only
from callmissed.foundation.audit.places import LeafPlace, places_of, proof_of
from callmissed.foundation.audit.sealing import (
    LogState,
    seal_all,
    seal_batch,
    state,
    verifier_key,
)
from callmissed.foundation.audit.verify import NotCanonical, PublicKey, Report, shown
from callmissed.foundation.audit.verify import verify as verify_lines

__all__ = [
    "AuditLeaf",
    "LeafPlace",
    "LogState",
    "NotCanonical",
    "NothingSealed",
    "PublicKey",
    "Report",
    "Wanted",
    "actions_of",
    "append_only",
    "export_all",
    "export_tenant",
    "leaf",
    "leaves_about",
    "places_of",
    "proof_of",
    "recent",
    "record",
    "seal_all",
    "seal_batch",
    "search",
    "shown",
    "state",
    "verifier_key",
    "verify_lines",
    "verify_log",
]
