"""What the gateway does with a request before its model is asked: first it is grounded, then what is too long is compressed.

What names a person is masked after both (`completions`), so nothing that was put there leaves unmasked.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.compression import compressed
from callmissed.gateway.grounding import Grounded, ground
from callmissed.gateway.problems import ContextTooLong
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.tokens import LETTERS
from callmissed.gateway.trip import Route, Trip
from callmissed.gateway.upstreams import LOCAL
from callmissed.gateway.wishes import Wishes

UNSAID_ROOM = 4
"""Where no longest answer is asked for, this part of the window stays free for it, or the longest that the model gives."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as its model will be asked, what was found for it, and what was done: as headers and as words of its usage record."""

    request: CompletionRequest
    grounded: Grounded | None = None
    notes: Sequence[tuple[bytes, bytes]] = ()
    done: Sequence[str] = ()


async def prepared(
    services: Services, access: Access, request: CompletionRequest, wishes: Wishes, route: Route | Trip
) -> Prepared:
    """The request with what is wished. Call it with no transaction open. Raises ContextTooLong and the Problems of `ground`."""
    made = Prepared(request)
    if wishes.grounding is not None:
        told, found = await ground(services, access, request, wishes.grounding)
        number = str(len(found.passages))
        if isinstance(route, Route) and route.upstream.terms.name == LOCAL:
            told = request  # it is given the passages themselves
        made = Prepared(told, found, [(b"cm-grounding", number.encode())], [f"grounded={number}"])
    if wishes.compress:
        made = await _compressed(made, route)
    return made


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
