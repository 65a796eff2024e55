"""Trying a maker of pictures: what a person has made on the page. Charged as any request, and kept until it is erased or its days are over."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from callmissed import billing
from callmissed.dashboard import shelves
from callmissed.dashboard.request_log import PLAYGROUND
from callmissed.foundation import i18n
from callmissed.foundation.http import services
from callmissed.foundation.pages import Pages, reader_language
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Caller, draw, pictures, read_image_request
from callmissed.identity import IMAGE_HISTORY

FIGURES = "dashboard/playground/_speech_figures.html"
CARDS = "dashboard/playground/_pictures.html"
LONGEST_PROMPT = 2_000
SIZES = ("1024x1024", "1536x1024", "1024x1536", "512x512")


class Wished(BaseModel):
    """What is to be made."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PROMPT, pattern=r"\S")]
    size: Annotated[str, StringConstraints(pattern=f"^({'|'.join(SIZES)})?$")] = ""
    n: Annotated[int, Field(ge=1, le=4)] = 1
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None


async def made(request: Request, caller: Caller, wished: Wished) -> dict[str, Any]:
    """The cards of the pictures, what they cost, and their figures. Raises what the request of a program would."""
    held, access = services(request), _access(request)
    members = {name: value for name, value in wished.model_dump().items() if value not in ("", None)}
    asked = replace(read_image_request(msgspec.json.encode(members)), endpoint=PLAYGROUND)
    done = await draw(held, access, asked, replace(caller, options=frozenset({IMAGE_HISTORY})))
    async with held.db.tenant(access) as tx:
        used = await billing.used(tx, done.usage_id)
        kept = [await pictures.find(tx, each) for each in done.kept]
    shown: Pages = request.app.state.pages
    terms = done.provenance.terms
    with i18n.speaking(reader_language(request)):
        return {
            "pictures": shown.text(CARDS, kept=kept),
            "html": shown.text(FIGURES, used=used, may=access.may),
            "price_micro": done.price_micro,
            "place": shelves.place(terms.region),
            "in_india": terms.in_india,
        }


def _access(request: Request) -> Access:
    return request.state.access
