"""Making pictures, billed: by the picture, with the same money, limits and records as completions."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from callmissed.foundation import clock
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.catalogue import Model
from callmissed.gateway.headers import Provenance
from callmissed.gateway.images.pictures import LARGEST_ANSWER, Picture, read_pictures
from callmissed.gateway.images.requests import AUTO, ImageRequest
from callmissed.gateway.masking import masked
from callmissed.gateway.problems import PromptTooLong
from callmissed.gateway.upstreams import IMAGES, Work
from callmissed.identity import MASKING


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures that were made and paid."""

    usage_id: UUID
    pictures: Sequence[Picture]
    size: str
    price_micro: int
    provenance: Provenance


async def draw(services: Services, access: Access, request: ImageRequest, caller: Caller) -> Drawn:
    """Make pictures and bill those that were made to the tenant of `access`.

    Raises PromptTooLong, and what `complete` raises; what it raises was not billed.
    """
    mask = None
    if MASKING in caller.options:
        mask, _, extra = await masked((), request.extra)
        request = request.saying(extra)
    call = BilledCall(services, access, request, caller)
    call.mask = mask
    fitting(request, call.route.models)
    work = Work(IMAGES, call.route.model.served_as, [request.prompt], request.extra, LARGEST_ANSWER)

    async def answer() -> Sequence[Picture]:
        done = await call.route.upstream.work(work)
        return await asyncio.to_thread(read_pictures, done.document, request.n)

    await call.reserve()
    pictures = await call.answered(answer())
    call.units = len(pictures)
    await call.settle()
    return Drawn(call.id, pictures, request.size, call.price_micro, call.provenance)


def fitting(request: ImageRequest, models: Iterable[Model]) -> None:
    """Whether each of these models reads so long a prompt. Raises PromptTooLong."""
    for model in models:
        if len(request.prompt) > model.context:
            raise PromptTooLong(param="prompt", longest_characters=model.context)


def document(done: Drawn) -> bytes:
    """An `ImagesResponse` (OpenAI's API reference, images)."""
    data: list[dict[str, Any]] = []
    for each in done.pictures:
        revised = {"revised_prompt": each.revised} if each.revised else {}
        data.append({"b64_json": each.content, **revised})
    told: dict[str, Any] = {"created": int(clock.now().timestamp()), "data": data}
    told["output_format"] = done.pictures[0].content_type.removeprefix("image/")
    if done.size != AUTO:
        told["size"] = done.size
    return msgspec.json.encode(told)
