"""What the gateway does with a request before its model is asked: first it is grounded, then its files are read, then the web is searched
for it, and then what is too long is compressed.

What names a person is masked after all of that (`completions`), so nothing that was put there leaves unmasked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.compression import compressed
from callmissed.gateway.documents import with_files_read
from callmissed.gateway.grounding import Grounded, ground
from callmissed.gateway.problems import ContextTooLong
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.tokens import LETTERS
from callmissed.gateway.trip import Route, Trip
from callmissed.gateway.upstreams import LOCAL
from callmissed.gateway.wishes import Reads, Wishes

UNSAID_ROOM = 4
"""Where no longest answer is asked for, this part of the window stays free for it, or the longest that the model gives."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as its model will be asked, what was found for it, and what was done: as headers and as words of its usage record."""

    request: CompletionRequest
    grounded: Grounded | None = None
    notes: Sequence[tuple[bytes, bytes]] = ()
    done: Sequence[str] = ()


LookUp = Callable[[CompletionRequest], Awaitable[CompletionRequest]]
"""Searches the web for a request, and puts before it what was found."""


async def prepared(
    services: Services,
    access: Access,
    request: CompletionRequest,
    wishes: Wishes,
    route: Route | Trip,
    look_up: LookUp | None = None,
) -> Prepared:
    """The request with what is wished. Call it with no transaction open.

    Raises ContextTooLong and the Problems of `ground`, `with_files_read` and `look_up`.
    """
    made = Prepared(request)
    if wishes.grounding is not None:
        told, found = await ground(services, access, request, wishes.grounding)
        number = str(len(found.passages))
        if isinstance(route, Route) and route.upstream.terms.name == LOCAL:
            told = request  # it is given the passages themselves
        made = Prepared(told, found, [(b"cm-grounding", number.encode())], [f"grounded={number}"])
    if wishes.files != "none":
        made = await _read(access, made, wishes.files, route)
    if look_up is not None:
        made = replace(made, request=await look_up(made.request))
    if wishes.compress:
        made = await _compressed(made, route)
    return made


async def _read(access: Access, made: Prepared, which: Reads, route: Route | Trip) -> Prepared:
    """The text of files stands before the model, unless every model that may be asked reads files itself."""
    if which == "unread" and all("files" in each.abilities for each in route.models):
        return made
    messages, names = await with_files_read(access, made.request.messages)
    if not names:
        return made
    notes = [*made.notes, (b"cm-files-read", str(len(names)).encode())]
    return replace(made, request=replace(made.request, messages=messages), notes=notes)


async def _compressed(made: Prepared, route: Route | Trip) -> Prepared:
    """Nothing is changed in what fits, nor where leaving out the middle does not help: then its upstream decides about so long an answer.

    Raises ContextTooLong when the messages alone are too long, whatever is left out.
    """
    request, model = made.request, route.model
    answer = min(request.max_tokens or model.context // UNSAID_ROOM, model.longest_answer)
    others = sum(len(bytes(each)) for each in request.extra.values()) // LETTERS
    room = model.context - others
    try:
        fitting = await asyncio.to_thread(compressed, request.messages, room - answer)
    except ContextTooLong as problem:
        if problem.details["before"] > room:
            raise ContextTooLong(param="messages", context=model.context) from None
        return made
    if fitting.messages is request.messages:
        return made
    return replace(
        made,
        request=replace(request, messages=fitting.messages),
        notes=[*made.notes, (b"cm-compression", fitting.note)],
        done=[*made.done, f"dropped={fitting.dropped}"],
    )
