"""Upstreams: who runs the models. Each says where it runs and under which contract, and speaks one small protocol."""

from callmissed.gateway.upstreams.destinations import declare
from callmissed.gateway.upstreams.found import USUAL_VARIABLES, UpstreamSettings, found_upstreams
from callmissed.gateway.upstreams.gate import Gate, Limits
from callmissed.gateway.upstreams.http_connection import Timeouts
from callmissed.gateway.upstreams.local import LOCAL, LocalUpstream
from callmissed.gateway.upstreams.openai_compatible import OpenAICompatible
from callmissed.gateway.upstreams.owned import Owned, prove
from callmissed.gateway.upstreams.protocol import IMAGES, Asked, Piece, Replied, Terms, Upstream, Work, Worked
from callmissed.gateway.upstreams.seeking import Finding, Found, Mode, Sought
from callmissed.gateway.upstreams.sound import Heard, Listening, Recording, Sound, Wording
from callmissed.gateway.upstreams.taking import Taking

__all__ = [
    "IMAGES",
    "LOCAL",
    "USUAL_VARIABLES",
    "Asked",
    "Finding",
    "Found",
    "Gate",
    "Heard",
    "Limits",
    "Listening",
    "LocalUpstream",
    "Mode",
    "OpenAICompatible",
    "Owned",
    "Piece",
    "Recording",
    "Replied",
    "Sought",
    "Sound",
    "Taking",
    "Terms",
    "Timeouts",
    "Upstream",
    "UpstreamSettings",
    "Wording",
    "Work",
    "Worked",
    "declare",
    "found_upstreams",
    "prove",
]
