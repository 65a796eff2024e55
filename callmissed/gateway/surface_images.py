"""/v1/images on the wire: words come in, pictures go out."""

from starlette.types import Send

from callmissed.gateway.headers import cost
from callmissed.gateway.images import Drawn, document
from callmissed.gateway.surface_stream import JSON, send_whole

GENERATIONS = "/v1/images/generations"


async def send_pictures(send: Send, done: Drawn) -> None:
    """The pictures, which are paid."""
    await send_whole(send, document(done), [JSON, cost(done.price_micro), *done.provenance.headers])
