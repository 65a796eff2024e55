"""Trying a search: what a person looks for on the page. Charged as any request, and kept nowhere."""

from dataclasses import replace
from typing import Annotated, Any, Literal

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
from callmissed.gateway import Caller, read_search_request, seek

RESULTS = "dashboard/playground/_search_results.html"
LONGEST_QUERY, MOST_RESULTS = 2_000, 20


class Looked(BaseModel):
    """What is looked for, and where."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_QUERY, pattern=r"\S")]
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]
    mode: Literal["auto", "shorter", "detailed"] = "auto"
    num_results: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 5


class Searching:
    """Asks for one reader. `caller` knows what the workspace decided."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self._services = services(request)
        self._access: Access = request.state.access
        self._pages: Pages = request.app.state.pages
        self._language = reader_language(request)
        self._caller = caller

    async def look(self, looked: Looked) -> dict[str, Any]:
        """The results as the page lists them, what they cost, and what is left. Raises what the request of a program would."""
        asked = replace(read_search_request(msgspec.json.encode(looked.model_dump())), endpoint=PLAYGROUND)
        done = await seek(self._services, self._access, asked, self._caller)
        async with self._services.db.tenant(self._access) as tx:
            used = await billing.used(tx, done.usage_id)
        terms = done.provenance.terms
        with i18n.speaking(self._language):
            html = self._pages.text(
                RESULTS, found=done.found, used=used, left=done.balance_micro, may=self._access.may
            )
            place = shelves.place(terms.region)
        return {"price_micro": done.price_micro, "html": html, "place": place, "in_india": terms.in_india}
