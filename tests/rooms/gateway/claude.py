"""A model behind Anthropic's Messages API, as an operator lists it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from callmissed.foundation.services import Services
from tests.rooms.gateway.served import served, serving
from tests.support.anthropic_peer import AnthropicPeer, running_anthropic_peer

HI: list[Any] = [{"role": "user", "content": "Namaste"}]
PARAMETERS = {"type": "object", "properties": {"of": {"type": "string"}}}
PRICE: Any = {
    "type": "function",
    "function": {"name": "price", "description": "What it costs.", "parameters": PARAMETERS},
}
NAMES = (
    "claude", "crumbs", "garbage", "breaks", "ends-early", "overloaded", "refuses", "long", "400", "401", "404", "429", "500",
    "529",
)  # fmt: skip


def entry(name: str, peer: AnthropicPeer, more: str = "", key: str = "sk-ant-secret") -> str:
    """An `[[upstream]]` of this kind, with every behaviour of the peer as a model."""
    head = f"""
[[upstream]]
name = "{name}"
kind = "anthropic"
base_url = "{peer.base_url}/v1"
region = "IN"
contract = "written down"
api_key = "{key}"
{more}
[upstream.timeouts]
idle = 1
[upstream.limits]
breaker = false
"""
    models = [served(f"{name}/{each}", each, longest_answer="3000", abilities='["files"]') for each in NAMES]
    prices = 'price_in = "100"\nprice_out = "200"\ncontext = 8000\n'
    parts = ("".join(f"{key} = {value}\n" for key, value in model.items()) for model in models)
    return head + "".join(f"[[upstream.model]]\n{prices}{part}" for part in parts)


@asynccontextmanager
async def offered_claude(services: Services, home: Path) -> AsyncGenerator[AnthropicPeer]:
    """The peer, offered as `a/…`, and in the older version as `b/…`. Raises AssertionError when it found anything wrong."""
    async with running_anthropic_peer() as peer:
        kinds = (entry("a", peer), entry("b", peer, 'version = "2023-06-01"\nthinking = "budget"'))
        async with serving(services, home, *kinds):
            yield peer
        assert peer.wrong == []
