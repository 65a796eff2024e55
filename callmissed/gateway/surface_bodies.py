"""Bodies of requests as they come in: whole, in memory, and of each workspace no more of them at a time than there is room for."""

from types import TracebackType
from typing import Final, Self
from uuid import UUID

from starlette.types import Receive, Scope

from callmissed.foundation.problems import Malformed
from callmissed.gateway.problems import TooMuchAtOnce
from callmissed.gateway.surface_browsers import header

MOST_BYTES: Final = 80_000_000
"""Of one workspace in this process: three of the largest recordings, and all that is asked beside them."""
SMALL: Final = 65_536
"""Bytes of a body that is not counted: how many of those there are is limited as calls at once."""


class Bodies:
    """How many bytes of bodies each workspace has under way in this process."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._under_way: dict[UUID, int] = {}

    def room(self, tenant_id: UUID) -> "Room":
        """Room for one call of a workspace, until the end of its block."""
        return Room(self, tenant_id)

    def take(self, tenant_id: UUID, size: int) -> None:
        """Count so many more. Raises TooMuchAtOnce."""
        before = self._under_way.get(tenant_id, 0)
        if before + size > self._most:
            raise TooMuchAtOnce(retry_after=1)
        self._under_way[tenant_id] = before + size

    def give_back(self, tenant_id: UUID, size: int) -> None:
        """So many are no longer there."""
        left = self._under_way[tenant_id] - size
        if left:
            self._under_way[tenant_id] = left
        else:
            del self._under_way[tenant_id]


class Room:
    """What one call has taken."""

    __slots__ = ("_bodies", "_taken", "_tenant_id")

    def __init__(self, bodies: Bodies, tenant_id: UUID) -> None:
        self._bodies = bodies
        self._tenant_id = tenant_id
        self._taken = 0

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """Give all of it back."""
        if self._taken:
            self._bodies.give_back(self._tenant_id, self._taken)

    def up_to(self, size: int) -> None:
        """Have room for so many bytes in all. Raises TooMuchAtOnce."""
        if size > self._taken:
            self._bodies.take(self._tenant_id, size - self._taken)
            self._taken = size


async def read_body(scope: Scope, receive: Receive, room: Room) -> bytes:
    """The whole body; its size is limited by the edge. What its head announces has room before any of it is waited for.

    Raises TooMuchAtOnce, and Malformed where the caller leaves before its end.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= SMALL and message["type"] == "http.request":
        return body
    room.up_to(int(header(scope, b"content-length") or b"0"))
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise Malformed
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        room.up_to(size)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
