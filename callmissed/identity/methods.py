"""How somebody proved who they are, and when that is proof enough."""

from collections.abc import Collection
from typing import Literal

Method = Literal["code", "passkey", "totp", "recovery", "oidc"]

STRONG: frozenset[str] = frozenset({"passkey", "totp", "recovery"})
"""A passkey is two factors in itself (the device, and its owner's finger or PIN); the others come after a first step."""


def is_strong(methods: Collection[str]) -> bool:
    """Whether more than one factor was proven."""
    return bool(STRONG.intersection(methods))
