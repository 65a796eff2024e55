"""What one request used: figures only, in the order they are learned. It never holds content (Policy §1, Usage Data)."""

from typing import Literal
from uuid import UUID

import msgspec

from callmissed.billing.units import Unit


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one request, as they are recorded when it is settled or released.

    Times are in the unit of their suffix; prices in micro-rupees for a lot of what is sold (`LOTS`); `region` as of the upstream.
    What is not sold by the token has a `unit` and how many there were.
    `tried` lists the upstreams that had the request before, as name@region; `india_only` is what the workspace decided then;
    `own_key` says that it ran on the workspace's own account there.
    `options` says what was done besides because its key asks for it, in words such as masked=2.
    """

    endpoint: str
    model: str
    upstream: str
    region: str
    status: Literal["ok", "cancelled", "failed"]
    http_status: int
    may_train: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    counted_by: Literal["upstream", "callmissed"] = "callmissed"
    admit_us: int = 0
    reserve_us: int = 0
    first_token_ms: int | None = None
    latency_ms: int = 0
    price_in_micro: int = 0
    price_out_micro: int = 0
    problem: str | None = None
    streamed: bool = False
    key_id: UUID | None = None
    bot_id: UUID | None = None
    conversation_id: UUID | None = None
    tried: str | None = None
    india_only: bool = True
    unit: Unit | None = None
    units: int | None = None
    options: str | None = None
    own_key: bool = False
