"""The hidden words: sealed in a table like anybody's, and looked for on disk, where they must not be readable."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import select

from callmissed.foundation.database import Database
from callmissed.foundation.ids import uuid7
from callmissed.foundation.vault import Vault
from callmissed.privacy.models import StoreCanary

HIDDEN = 3
"""How many hidden words there are."""


def hidden_words(vault: Vault) -> tuple[bytes, ...]:
    """The words. They are derived from a secret of the keyring, so they stand nowhere but sealed."""
    secret = vault.keyring.secret("canary")
    return tuple(
        b"canary-" + hmac.digest(secret, str(number).encode(), sha256).hex()[:40].encode()
        for number in range(HIDDEN)
    )


async def plant(db: Database) -> None:
    """Seal the hidden words, unless they are there."""
    async with db.control() as tx:
        if await tx.session.scalar(select(StoreCanary.id).limit(1)) is not None:
            return
        for words in hidden_words(db.vault):
            row = StoreCanary(id=uuid7(), person_id=uuid7())
            box = await tx.vault.person(row.person_id, "canary")
            row.words = box.seal(StoreCanary.words, row.id, words)
            tx.session.add(row)


def summed(files: Mapping[str, int], hidden: int) -> dict[str, int]:
    """Figures of a search of the disk: bytes as whole megabytes."""
    return {
        "hidden": hidden,
        "found": files["found"],
        "files": files["files"],
        "megabytes": files["bytes"] // 1_000_000,
    }
