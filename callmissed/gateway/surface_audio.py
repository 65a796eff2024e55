"""/v1/audio on the wire: a form or a text comes in, a transcript or sound goes out."""

import contextlib
from dataclasses import dataclass

from starlette.types import Send

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import audio
from callmissed.gateway.audio import HearingRequest, SpeechRequest
from callmissed.gateway.billed import BilledCall, Caller
from callmissed.gateway.headers import cost
from callmissed.gateway.surface_stream import NO_STORE, patiently, send_whole
from callmissed.gateway.upstreams import Sound

SPEECH = "/v1/audio/speech"
TRANSLATIONS = "/v1/audio/translations"
AUDIO = frozenset({SPEECH, TRANSLATIONS, "/v1/audio/transcriptions"})
"""Every address of it."""

AudioRequest = SpeechRequest | HearingRequest


async def read_audio_request(path: str, content_type: str, body: bytes) -> AudioRequest:
    """Read what came to one of the addresses. Raises as the readers do."""
    if path == SPEECH:
        return audio.read_speech_request(body)
    return await audio.read_recording_form(content_type, body, translate=path == TRANSLATIONS)


@dataclass(frozen=True, slots=True)
class AudioAnswers:
    """Answers requests and sends what came of them."""

    services: Services
    access: Access

    async def answer(self, request: AudioRequest, caller: Caller, send: Send) -> None:
        """Answer one. Raises Problems before anything was sent."""
        if isinstance(request, SpeechRequest):
            call, sound = await audio.speak(self.services, self.access, request, caller)
            async with contextlib.aclosing(sound.pieces):
                await self._say(call, sound, send)
            return
        done = await audio.hear(self.services, self.access, request, caller)
        body, kind = audio.written(done, request), audio.CONTENT_TYPES[request.written]
        said = (b"content-type", kind.encode())
        await send_whole(send, body, [said, cost(done.price_micro), *done.provenance.headers])

    async def _say(self, call: BilledCall, sound: Sound, send: Send) -> None:
        """Sound as it arrives. The charge is durable before the last of it leaves; who hangs up after the first pays."""
        last = await call.answered(self._all_but_the_last(call, sound, send))
        await call.settle()
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _all_but_the_last(self, call: BilledCall, sound: Sound, send: Send) -> bytes:
        held: bytes | None = None
        async for piece in sound.pieces:
            if held is None:
                call.begun()
                await send({"type": "http.response.start", "status": 200, "headers": _head(call, sound)})
            else:
                await patiently(send, held, call.interruption)
            held = piece
        return held or b""


def _head(call: BilledCall, sound: Sound) -> list[tuple[bytes, bytes]]:
    kind = (b"content-type", sound.content_type.encode())
    return [kind, NO_STORE, cost(call.route.model.price(call.units)), *call.provenance.headers]
