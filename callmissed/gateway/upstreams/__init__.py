"""Upstreams: who runs the models. Each says where it runs and under which contract, and speaks one small protocol."""

from callmissed.gateway.upstreams.found import USUAL_VARIABLES, UpstreamSettings, found_upstreams
from callmissed.gateway.upstreams.gate import Gate, Limits
from callmissed.gateway.upstreams.http_connection import Timeouts
from callmissed.gateway.upstreams.local import LocalUpstream
from callmissed.gateway.upstreams.openai_compatible import OpenAICompatible
from callmissed.gateway.upstreams.owned import Owned, prove
from callmissed.gateway.upstreams.protocol import (
    Account,
    Asked,
    Piece,
    Replied,
    Taking,
    Terms,
    Upstream,
    Work,
    Worked,
)

__all__ = [
    "USUAL_VARIABLES",
    "Account",
    "Asked",
    "Gate",
    "Limits",
    "LocalUpstream",
    "OpenAICompatible",
    "Owned",
    "Piece",
    "Replied",
    "Taking",
    "Terms",
    "Timeouts",
    "Upstream",
    "UpstreamSettings",
    "Work",
    "Worked",
    "found_upstreams",
    "prove",
]
