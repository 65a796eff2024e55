"""Speaking and hearing, billed: by the character and by the second, with the same money, limits and records as completions."""

import contextlib
import math
from dataclasses import dataclass, replace
from uuid import UUID

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.audio.recordings import at_least, at_most
from callmissed.gateway.audio.requests import HearingRequest, SpeechRequest
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.headers import Provenance
from callmissed.gateway.problems import RecordingMisleads, RecordingTooLong, TextTooLong
from callmissed.gateway.upstreams import Heard, Sound


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A recording that was written down. `seconds` is what was charged for."""

    usage_id: UUID
    heard: Heard
    seconds: int
    price_micro: int
    provenance: Provenance


async def hear(services: Services, access: Access, request: HearingRequest, caller: Caller) -> Transcribed:
    """Write a recording down and bill it to the tenant of `access`: a part of a second counts as one.

    Raises RecordingTooLong, RecordingMisleads, and what `complete` raises; what it raises was not billed.
    """
    call = BilledCall(services, access, request, caller)
    longest, upstream = call.route.model.context, call.route.upstream
    if request.recording.seconds > longest:
        raise RecordingTooLong(param="file", longest_seconds=longest)
    most = at_most(request.recording)
    listening = replace(request.listening, model=call.route.model.served_as)

    async def answer() -> Heard:
        found = await upstream.hear(listening)
        told = max(math.ceil(found.seconds or 0), at_least(found.text))
        if told > most and not request.recording.is_exact:
            raise RecordingMisleads(param="file")
        return found

    call.units = math.ceil(request.recording.seconds)
    await call.reserve()
    heard = await call.answered(answer())
    if not request.recording.is_exact:
        call.units = max(call.units, math.ceil(heard.seconds or 0))
    await call.settle()
    return Transcribed(call.id, heard, call.units, call.price_micro, call.provenance)


async def speak(
    services: Services, access: Access, request: SpeechRequest, caller: Caller
) -> tuple[BilledCall, Sound]:
    """Begin to speak. Whoever calls settles the call before the last of the sound leaves, or breaks it off.

    Raises TextTooLong, and what `complete` raises; what it raises was not billed.
    """
    call = BilledCall(services, access, request, caller)
    longest = call.route.model.context
    if request.units > longest:
        raise TextTooLong(param="input", longest_characters=longest)
    call.units = request.units
    await call.reserve()
    wording = replace(request.wording, model=call.route.model.served_as)
    return call, await call.answered(call.route.upstream.speak(wording))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text that was spoken, whole."""

    usage_id: UUID
    content_type: str
    content: bytes
    price_micro: int
    provenance: Provenance


async def spoken(services: Services, access: Access, request: SpeechRequest, caller: Caller) -> Spoken:
    """Speak, and wait for the end. Raises as `speak` does."""
    call, sound = await speak(services, access, request, caller)

    async def all_of_it() -> bytes:
        async with contextlib.aclosing(sound.pieces):
            return b"".join([piece async for piece in sound.pieces])

    content = await call.answered(all_of_it())
    call.begun()
    await call.settle()
    return Spoken(call.id, sound.content_type, content, call.price_micro, call.provenance)
