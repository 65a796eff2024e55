"""That tenants may bring keys of their own to an upstream."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from callmissed.gateway.upstreams.http_client import Client

if TYPE_CHECKING:
    from callmissed.gateway.upstreams.protocol import Upstream

OwnKeys = Literal["no", "may", "must"]
"""Whether tenants bring keys of their own to an upstream."""


@dataclass(frozen=True, slots=True)
class Taking:
    """How keys of tenants are used at an upstream: `with_key` is the same upstream on the account of a key.

    `client` asks its server; `required` says that there is no account of the operator's; `proof` is an address below the server's
    that costs nothing and is answered to its customers.
    """

    client: Client
    with_key: "Callable[[str], Upstream]" = field(repr=False)
    required: bool = False
    proof: str = "/models"


def taken(
    own_keys: OwnKeys, client: Client, with_key: "Callable[[str], Upstream]", proof: str = "/models"
) -> Taking | None:
    """What an upstream says of that; None where it takes no keys."""
    return None if own_keys == "no" else Taking(client, with_key, own_keys == "must", proof)
