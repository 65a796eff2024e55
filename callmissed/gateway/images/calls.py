"""Making pictures, billed: by the picture, with the same money, limits and records as completions."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from callmissed.foundation import clock
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.catalogue import Model
from callmissed.gateway.headers import Provenance
from callmissed.gateway.images import history
from callmissed.gateway.images.pictures import LARGEST_ANSWER, Picture, read_pictures
from callmissed.gateway.images.requests import AUTO, ImageRequest
from callmissed.gateway.masking import masked
from callmissed.gateway.problems import PromptTooLong
from callmissed.gateway.upstreams import IMAGES, Work
from callmissed.identity import IMAGE_HISTORY, MASKING

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures that were made and paid."""

    usage_id: UUID
    pictures: Sequence[Picture]
    kept: Sequence[UUID]
    size: str
    price_micro: int
    provenance: Provenance


async def draw(services: Services, access: Access, request: ImageRequest, caller: Caller) -> Drawn:
    """Make pictures and bill those that were made to the tenant of `access`.

    Raises PromptTooLong, TooManyPictures, and what `complete` raises; what it raises was not billed.
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

    keeps = IMAGE_HISTORY in caller.options
    if keeps:
        async with services.db.tenant(access) as tx:
            await history.room(tx)
    await call.reserve()
    pictures = await call.answered(answer())
    call.units = len(pictures)
    kept: Sequence[UUID] = ()
    if keeps:
        call.begun()
        call.complete()  # nobody has it kept and hangs up before it is paid
        kept = await call.answered(_kept(services, access, call, request, pictures, caller.key_id))
    await call.settle()
    return Drawn(call.id, pictures, kept, request.size, call.price_micro, call.provenance)


async def _kept(
    services: Services,
    access: Access,
    call: BilledCall,
    request: ImageRequest,
    pictures: Sequence[Picture],
    key_id: UUID | None,
) -> Sequence[UUID]:
    """The ids of pictures that are kept now, before they are charged; none where they cannot be: they are delivered all the same.

    In the playground they are seen only where they are kept, so there it fails.
    """
    try:
        async with services.db.tenant(access) as tx:
            return await history.keep(tx, key_id, call.id, call.route.model.id, request.prompt, pictures)
    except (Problem, SQLAlchemyError, OSError):
        if key_id is None:
            raise
        log.exception("pictures could not be kept")
        return ()


def fitting(request: ImageRequest, models: Iterable[Model]) -> None:
    """Whether each of these models reads so long a prompt. Raises PromptTooLong."""
    for model in models:
        if len(request.prompt) > model.context:
            raise PromptTooLong(param="prompt", longest_characters=model.context)


def document(done: Drawn) -> bytes:
    """An `ImagesResponse` (OpenAI's API reference, images)."""
    data: list[dict[str, Any]] = []
    for number, each in enumerate(done.pictures):
        more = {"revised_prompt": each.revised} if each.revised else {}
        if done.kept:
            more["id"] = history.picture_name(done.kept[number])
        data.append({"b64_json": each.content, **more})
    told: dict[str, Any] = {"created": int(clock.now().timestamp()), "data": data}
    told["output_format"] = done.pictures[0].content_type.removeprefix("image/")
    if done.size != AUTO:
        told["size"] = done.size
    return msgspec.json.encode(told)
