"""Trying a voice or an ear: what a person has spoken or written down on the page. Charged as any request, and kept nowhere."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import msgspec
from babel import Locale
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from callmissed import billing
from callmissed.dashboard import shelves
from callmissed.dashboard.request_log import PLAYGROUND
from callmissed.foundation import i18n
from callmissed.foundation.http import services
from callmissed.foundation.pages import Pages, reader_language
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Caller, Terms, hear, read_recording_form, read_speech_request, spoken

FIGURES = "dashboard/playground/_speech_figures.html"
LONGEST_TEXT = 2_000
LANGUAGES = (
    "hi", "en", "as", "bn", "brx", "doi", "gu", "kn", "kok", "ks", "mai", "ml", "mni", "mr", "ne", "or", "pa", "sa",
    "sat", "sd", "ta", "te", "ur",
)  # fmt: skip
"""Hindi, English, and the other languages of the Eighth Schedule."""


class Said(BaseModel):
    """What is to be spoken."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    input: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]
    voice: Annotated[str, StringConstraints(max_length=80, pattern=r"^[\w.:+-]*$")] = ""
    language: Annotated[str, StringConstraints(pattern=f"^({'|'.join(LANGUAGES)})?$")] = ""
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0


class Speaking:
    """Asks for one reader. `caller` knows what the workspace decided."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self._services = services(request)
        self._access: Access = request.state.access
        self._pages: Pages = request.app.state.pages
        self._language = reader_language(request)
        self._caller = caller

    async def say(self, said: Said) -> dict[str, Any]:
        """The sound (base64), what it cost, and its figures. Raises what the request of a program would."""
        members = {name: value for name, value in said.model_dump().items() if value != ""}
        asked = replace(read_speech_request(msgspec.json.encode(members)), endpoint=PLAYGROUND)
        done = await spoken(self._services, self._access, asked, self._caller)
        sound = {"type": done.content_type, "base64": base64.b64encode(done.content).decode()}
        return {"sound": sound, **await self._told(done.usage_id, done.provenance.terms, done.price_micro)}

    async def hear(self, kind: str, body: bytes) -> dict[str, Any]:
        """The words of the recording in a form, what it cost, and its figures. Raises as `say` does."""
        asked = replace(await read_recording_form(kind, body), endpoint=PLAYGROUND)
        done = await hear(self._services, self._access, asked, self._caller)
        heard = {"text": done.heard.text, "language": done.heard.language}
        return {"heard": heard, **await self._told(done.usage_id, done.provenance.terms, done.price_micro)}

    async def _told(self, usage_id: UUID, terms: Terms, price_micro: int) -> dict[str, Any]:
        async with self._services.db.tenant(self._access) as tx:
            used = await billing.used(tx, usage_id)
        with i18n.speaking(self._language):
            html = self._pages.text(FIGURES, used=used, may=self._access.may)
            place = shelves.place(terms.region)
        return {"price_micro": price_micro, "html": html, "place": place, "in_india": terms.in_india}


def languages() -> list[tuple[str, str]]:
    """(tag, name) of each, in the language being spoken."""
    locale: Any = Locale.parse(i18n.language())
    names: Mapping[str, str] = locale.languages
    return [(each, names.get(each, each)) for each in LANGUAGES]
