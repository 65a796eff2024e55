"""The vault: personal data is sealed under a key per person, and erasing a person is destroying that key.

Root → epoch key per tenant → data key per (tenant, person, retention class) → AES-256-GCM. Root and epoch keys stand
in the keyring, a directory; wrapped data keys in the key plane, a small database of its own; sealed data in the data
plane. No copy of the data plane, however old, can be read without the other two.
"""

from callmissed.foundation.vault.blob import Box, ColumnName
from callmissed.foundation.vault.epochs import Destroyed
from callmissed.foundation.vault.keyring import Keyring, Root
from callmissed.foundation.vault.problems import Erased, KeyUnavailable, Tampered
from callmissed.foundation.vault.repository import create_key_plane
from callmissed.foundation.vault.root import LocalRoot
from callmissed.foundation.vault.vault import Census, SealedValue, TenantVault, Vault

__all__ = [
    "Box",
    "Census",
    "ColumnName",
    "Destroyed",
    "Erased",
    "KeyUnavailable",
    "Keyring",
    "LocalRoot",
    "Root",
    "SealedValue",
    "Tampered",
    "TenantVault",
    "Vault",
    "create_key_plane",
]
