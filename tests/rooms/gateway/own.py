"""Suppliers that take keys of workspaces, as an operator lists them, and workspaces that bring some."""

from datetime import date
from typing import Any
from uuid import UUID

from callmissed.foundation.services import Services
from callmissed.gateway import provider_keys
from tests.rooms.gateway.conftest import Shop

OPERATORS = "sk-operator-0000000000000000"
HIS, HERS, WRONG = (f"sk-{name}-canary-5d1c9e7b42" for name in ("his", "hers", "wrong"))
SAID_OF_IT: dict[str, Any] = {
    "contract": "Enterprise agreement 7", "contract_on": date(2026, 3, 1), "excludes_training": True,
}  # fmt: skip
PRICE = 'price_in = "100"\nprice_out = "200"\ncontext = 8000\nlongest_answer = 1000\n'


def taking(
    name: str,
    base_url: str,
    own_keys: str,
    *,
    key: str = OPERATORS,
    contract: str = "written down",
    region: str = "IN",
    kind: str = "openai",
    models: tuple[str, ...] = ("chat",),
) -> str:
    """One `[[upstream]]` that takes keys of workspaces; its models are `name/…`, unless they have a slash of their own."""
    ids = [each if "/" in each else f"{name}/{each}" for each in models]
    head = f"""
[[upstream]]
name = "{name}"
kind = "{kind}"
base_url = "{base_url}"
region = "{region}"
contract = "{contract}"
own_keys = "{own_keys}"
{f'api_key = "{key}"' if key else ""}
[upstream.timeouts]
connect = 0.5
first_byte = 1
[upstream.limits.breaker]
least = 3
rest = 60
"""
    return head + "".join(f'[[upstream.model]]\nid = "{each}"\n{PRICE}' for each in ids)


async def bring(services: Services, shop: Shop, upstream: str, secret: str, **more: Any) -> UUID:
    """The shop's owner brings a key, through everything that is asked on the way."""
    wish = provider_keys.Wish(upstream=upstream, secret=secret, **{**SAID_OF_IT, **more})
    proven = await provider_keys.prove(services, shop.access, wish)
    async with services.db.tenant(shop.access) as tx:
        return await provider_keys.bring(tx, proven)


async def take_out(services: Services, shop: Shop, key_id: UUID) -> None:
    """The shop's owner takes it out again."""
    async with services.db.tenant(shop.access) as tx:
        await provider_keys.take_out(tx, key_id)
