"""Bytes to a server as no client would send them, and all that comes back."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Back:
    """What came back until the server closed, or said nothing for a while."""

    content: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """Of each answer."""
        return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.content)]


async def said_back(base: str, sent: bytes, quiet_seconds: float = 0.3) -> Back:
    """Send this on a connection of its own."""
    place = urlsplit(base)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    content = bytearray()
    closed = False
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            await writer.drain()
        while not closed:
            async with asyncio.timeout(quiet_seconds if content else 5):
                piece = await reader.read(65_536)
            content += piece
            closed = not piece
    except ConnectionError:
        closed = True
    except TimeoutError:
        pass
    finally:
        writer.close()
    return Back(bytes(content), closed)
