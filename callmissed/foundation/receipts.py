"""Receipts: statements that the installation signs, and that anybody can verify with nothing but its public key.

A receipt is a signed note (C2SP signed-note): one line of JSON with its keys in order, an empty line, and a line with the
name of the key and the Ed25519 signature (RFC 8032) in base64. The key is derived from a secret of the keyring.
"""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from callmissed.foundation.problems import Invalid
from callmissed.foundation.vault import Vault

NAME = "callmissed/receipts"
MARK = f"\N{EM DASH} {NAME} "


class ReceiptInvalid(Invalid):
    """This is no receipt of this key: it was changed, cut short, or signed by another."""

    code = "receipt_invalid"


def public_key(vault: Vault) -> str:
    """The key that receipts are verified with: base64 of the 32 bytes. Keep it apart from the receipts."""
    return base64.b64encode(_key(vault).public_key().public_bytes_raw()).decode()


def sign(vault: Vault, body: dict[str, Any]) -> str:
    """A receipt over this body: text, whole numbers, None, lists and maps."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
    signature = base64.b64encode(_key(vault).sign(text.encode())).decode()
    return f"{text}\n{MARK}{signature}\n"


def read(receipt: str, key: str) -> dict[str, Any]:
    """What a receipt says, once its signature holds. Raises ReceiptInvalid."""
    text, _, rest = receipt.partition("\n\n")
    try:
        [line] = rest.splitlines()
        if not line.startswith(MARK):
            raise ReceiptInvalid
        signature = base64.b64decode(line.removeprefix(MARK), validate=True)
        known = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        known.verify(signature, (text + "\n").encode())
        body: dict[str, Any] = json.loads(text)
    except (ValueError, InvalidSignature) as error:
        raise ReceiptInvalid from error
    return body


def read_all(text: str, key: str) -> list[dict[str, Any]]:
    """Every receipt of a file in which they stand one after another. Raises ReceiptInvalid when one does not hold, or none is there."""
    lines = [line for line in text.splitlines() if line]
    if not lines or len(lines) % 2:
        raise ReceiptInvalid
    return [read(f"{body}\n\n{mark}\n", key) for body, mark in zip(lines[::2], lines[1::2], strict=True)]


def _key(vault: Vault) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(vault.keyring.secret("receipts"))
