"""Sealing: what law makes us keep of an erased registration leaves the reach of everybody who runs the installation.

How long, and under which rows, is the solver's answer. The key of a record is made for it alone and destroyed on its day, so no
copy of it in any backup can be opened after that, not by the custodians either.
"""

import json
import os
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation import audit, clock, holds, receipts
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.services import Services
from callmissed.foundation.vault import Erased, Vault
from callmissed.identity import Kind, Registration, Remains
from callmissed.privacy.facts import Facts
from callmissed.privacy.law import (
    RECOVERY,
    Anchor,
    DataClass,
    Decision,
    Term,
    anchors_of,
    binding,
    bounds,
    day_of,
    decide,
    statutes,
)
from callmissed.privacy.sealed.custodians import FEWEST, Custodians, CustodiansMissing
from callmissed.privacy.sealed.models import SealedRecord

RETENTION_CLASS = "sealed"
PROMISED = Term("keep.deleted-account", RECOVERY, Anchor.CANCELLED)
CLASSES: dict[Kind, frozenset[DataClass]] = {
    "account": frozenset({DataClass.REGISTRATION, DataClass.PERSONAL_DATA}),
    "tenant": frozenset({DataClass.REGISTRATION}),
}
"""What the law calls a registration: that of an account is a person's, that of a workspace names an organisation."""
AT_ONCE = 500


class Escrow:
    """The sealed store: the operator's facts say which rows of law bind, the custodians for whom it is sealed."""

    def __init__(self, facts: Facts, custodians: Custodians) -> None:
        self.custodians = custodians
        self._facts = facts

    def foretell(self, kind: Kind, cancelled_at: datetime) -> Remains | None:
        """What will stay of a registration that was cancelled then; None when no law asks for anything."""
        decision = self._decision(kind, day_of(cancelled_at))
        if decision.erased_on is None or not decision.sealed:
            return None
        cited = "; ".join(statutes().cited(each).citation for each in decision.kept_by)
        return Remains(decision.kept_by, cited, decision.erased_on)

    async def seal(self, tx: Tx, registration: Registration) -> Remains | None:
        """Seal it, in a control transaction. Repeating it changes nothing. Raises CustodiansMissing."""
        remains = self.foretell(registration.kind, registration.cancelled_at)
        if remains is None or remains.destroy_on <= clock.today():
            return None
        row_id = record_id(tx.vault.vault, registration.kind, registration.subject_id)
        box = await tx.vault.person(row_id, RETENTION_CLASS)
        salt = os.urandom(32)
        inner = json.dumps(dict(registration.columns), sort_keys=True, ensure_ascii=False).encode()
        row = {
            "id": row_id,
            "kind": registration.kind,
            "data_class": DataClass.REGISTRATION.value,
            "law": ", ".join(remains.law),
            "citation": remains.citation,
            "commitment": commitment(salt, registration.subject_id),
            "salt": box.seal(SealedRecord.salt, row_id, salt),
            "sealed_at": clock.now(),
            "destroy_on": remains.destroy_on,
            "blob": box.seal(SealedRecord.blob, row_id, self.custodians.seal(inner)),
        }
        query = insert(SealedRecord).values(row).on_conflict_do_nothing().returning(SealedRecord.id)
        if await tx.session.scalar(query) is not None:
            body = {
                "class": row["data_class"],
                "law": row["law"],
                "destroy_on": remains.destroy_on.isoformat(),
            }
            await audit.record(tx, "privacy:sealed:sealed", target=row_id, body=body)
        return remains

    def refuse_unkept(self) -> None:
        """In production, raise CustodiansMissing where law in force makes us seal and nobody keeps the keys."""
        if self._facts.production and not self.ready:
            raise CustodiansMissing

    @property
    def ready(self) -> bool:
        """Whether there are custodians, or no law that needs them."""
        return len(self.custodians.people) >= FEWEST or self.foretell("account", clock.now()) is None

    def _decision(self, kind: Kind, cancelled_on: date) -> Decision:
        rows = binding(statutes().rows, self._facts.law_applies)
        anchors = anchors_of(cancelled_on, cancelled_at=cancelled_on)
        return decide(bounds(PROMISED, CLASSES[kind], rows, anchors))


def record_id(vault: Vault, kind: str, subject_id: UUID) -> UUID:
    """The id of a sealed registration: the same one however often its sealing is repeated; without the keyring it names nobody."""
    tag = vault.keyed_hash("sealed registration", f"{kind} {subject_id}")
    return UUID(bytes=tag[:16], version=5)


def commitment(salt: bytes, subject_id: UUID) -> bytes:
    """Whose a record is, said so that only who has its salt can check it."""
    return sha256(salt + subject_id.bytes).digest()


async def destroy_due(services: Services) -> int:
    """Destroy the records whose day has come: the key first, then the row. How many there were; what a hold freezes stays."""
    async with services.db.control() as tx:
        query = select(SealedRecord.id, SealedRecord.commitment, SealedRecord.salt).where(
            SealedRecord.destroy_on <= clock.today()
        )
        frozen = [each for each in await holds.in_force(tx) if each.person_id or each.tenant_id]
        # Where something is held, every record is looked at: held ones must not stand before all others for ever.
        query = query.order_by(SealedRecord.destroy_on).limit(None if frozen else AT_ONCE)
        rows = (await tx.session.execute(query)).all()
        due = [row.id for row in rows if not await _is_held(tx, row.id, row.commitment, row.salt, frozen)]
        due = due[:AT_ONCE]
        if not due:
            return 0
        gone = await services.vault.erase_people(PLATFORM, due)
        removed = int(
            await tx.session.scalar(text("SELECT cm.destroy_sealed(CAST(:ids AS uuid[]))"), {"ids": due}) or 0
        )
        body = {
            "v": 1,
            "what": "destruction of sealed records",
            "records": removed,
            "key_count": len(gone.key_ids),
            "key_digest": sha256(b"".join(each.bytes for each in sorted(gone.key_ids))).hexdigest(),
            "destroyed_on": clock.today().isoformat(),
        }
        signed = {
            "records": removed,
            "keys": len(gone.key_ids),
            "receipt": receipts.sign(services.vault, body),
        }
        await audit.record(tx, "privacy:sealed:destroyed", body=signed)
    return removed


async def _is_held(
    tx: Tx, row_id: UUID, committed: bytes, sealed_salt: bytes, frozen: Sequence[holds.Frozen]
) -> bool:
    """Whether a hold names the person or workspace that a record is about: asked of each, because the record does not say."""
    if not frozen:
        return False
    try:
        salt = await tx.vault.open_bytes(SealedRecord.salt, row_id, row_id, sealed_salt)
    except Erased:  # its key is gone already: what is left is a row to remove
        return False
    named = {each for hold in frozen for each in (hold.person_id, hold.tenant_id) if each is not None}
    return any(commitment(salt, each) == committed for each in named)
