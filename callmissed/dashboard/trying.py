"""Trying a model: what a person asks on the page, and the answer as it arrives there. Charged as any request, and kept nowhere.

The answer is a stream of server-sent events: `from` (who answers, and where), `text` as often as words come, `sources` where it rests on
a bot's knowledge, and `end` with the figures that were recorded; or `problem`. It ends with its reader, its session, or its
workspace, and what was delivered is charged.
"""

import asyncio
import contextlib
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from callmissed import billing
from callmissed.dashboard import shelves
from callmissed.dashboard.request_log import PLAYGROUND
from callmissed.foundation import i18n
from callmissed.foundation.http import services
from callmissed.foundation.pages import Pages, reader_language
from callmissed.foundation.problems import Problem
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Call, Caller, CompletionRequest, Grounding, Wishes, stream

PROBLEM = "dashboard/playground/_problem.html"
READER_SECONDS = 30.0
"""How long the page may take nothing of what is sent; then it counts as gone."""
SOURCES = "dashboard/playground/_sources.html"
FIGURES = "dashboard/playground/_figures.html"

Words = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]


class Turn(BaseModel):
    """What one of the two has said."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: Words


class Tried(BaseModel):
    """What is asked of one model: the conversation so far as the page holds it, and how to answer."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    messages: Annotated[list[Turn], Field(min_length=1, max_length=200)]
    system: Annotated[str, StringConstraints(max_length=100_000)] = ""
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    max_tokens: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    bot_id: UUID | None = None

    def request(self) -> CompletionRequest:
        """The same as a program would ask it."""
        before = [{"role": "system", "content": self.system}] if self.system.strip() else []
        chosen = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return CompletionRequest(
            self.model,
            [*before, *(each.model_dump() for each in self.messages)],
            self.max_tokens,
            stream=True,
            endpoint=PLAYGROUND,
            extra={
                name: msgspec.Raw(msgspec.json.encode(value))
                for name, value in chosen.items()
                if value is not None
            },
            wishes=Wishes(Grounding(self.bot_id)) if self.bot_id else None,
        )


class Answering(Response):
    """One answer on its way to the page."""

    def __init__(self, request: Request, tried: Tried, caller: Caller) -> None:
        """`caller` knows what the workspace decided."""
        super().__init__(
            media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )
        del self.headers["content-length"]
        self._services = services(request)
        self._access: Access = request.state.access
        self._pages: Pages = request.app.state.pages
        self._language = reader_language(request)
        self._tried = tried
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the end, or until nobody may hear it any more. What was delivered is settled when this returns."""
        del scope
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        answering = asyncio.create_task(self._answer(send))
        watching = (asyncio.create_task(_left(receive)), asyncio.create_task(self._ended()))
        try:
            await asyncio.wait({answering, *watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (answering, *watching):
                each.cancel()
            await asyncio.gather(answering, *watching, return_exceptions=True)
        if not answering.cancelled() and not isinstance(answering.exception(), TimeoutError):
            answering.result()  # what broke on our side is written down by the edge
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer(self, send: Send) -> None:
        async def say(name: str, told: Any) -> None:
            body = f"event: {name}\ndata: {msgspec.json.encode(told).decode()}\n\n".encode()
            async with asyncio.timeout(READER_SECONDS):
                await send({"type": "http.response.body", "body": body, "more_body": True})

        try:
            call = Call(self._services, self._access, self._tried.request(), self._caller)
            async with contextlib.aclosing(stream(call)) as pieces:
                piece = await anext(pieces, None)
                await say("from", self._from(call))
                while piece is not None:
                    if piece.text:
                        await say("text", piece.text)
                    piece = await anext(pieces, None)
        except Problem as problem:
            await say("problem", self._drawn(PROBLEM, problem=problem))
            return
        if call.grounded is not None:
            await say("sources", self._drawn(SOURCES, sources=call.members()["citations"]))
        async with self._services.db.tenant(self._access) as tx:
            used = await billing.used(tx, call.id)
        await say("end", {"price_micro": used.price_micro, "html": self._drawn(FIGURES, used=used)})

    def _from(self, call: Call) -> dict[str, Any]:
        told = call.provenance
        with i18n.speaking(self._language):
            place = shelves.place(told.terms.region)
        return {"usage_id": told.usage_id, "place": place, "in_india": told.terms.in_india}

    def _drawn(self, part: str, **context: Any) -> str:
        """A part of the page, in its reader's language."""
        may = self._access.may
        with i18n.speaking(self._language):
            return self._pages.text(part, may=may, **context)

    async def _ended(self) -> None:
        """Return when the session, its person or the workspace ends."""
        topic = f"{PLAYGROUND}:{self._access.session_id}"
        async for _ in self._services.live.listen(topic, bound_to=self._access.bound_to):
            pass


async def _left(receive: Receive) -> None:
    """Return when the page is gone, or has stopped the answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
