"""Models of a peer on the loopback, offered beside the local one for as long as a test lasts."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams, UpstreamSettings
from tests.support.peer import Peer, running_peer

FILE = """
[[upstream]]
name = "{name}-{model}"
base_url = "{base_url}"
region = "{region}"
contract = "written down"
[[upstream.model]]
id = "{name}/{model}"
served_as = "{model}"
price_in = "100"
price_out = "200"
context = 8000
longest_answer = 100
"""


@contextlib.asynccontextmanager
async def offered(services: Services, folder: Path, *models: str) -> AsyncGenerator[Peer]:
    """`peer/MODEL` in India for each of these, and `abroad/good`; a model's name says how it behaves (see `peer`)."""
    async with running_peer() as made:
        sold = [("peer", "IN", model) for model in models] + [("abroad", "US", "good")]
        file = folder / "upstreams.toml"
        file.write_text(
            "".join(
                FILE.format(name=name, base_url=made.base_url, region=region, model=model)
                for name, region, model in sold
            )
        )
        before = services.get(Upstreams)
        upstreams = Upstreams(services.db, UpstreamSettings(file=file, look=False))
        await upstreams.start()
        services.put(upstreams)
        try:
            yield made
        finally:
            services.put(before)
            await upstreams.stop()
