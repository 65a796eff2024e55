"""Waiting for what comes true a moment later, and not for ever."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds_true: Callable[[], Awaitable[bool]], seconds: float = 3) -> bool:
    """Whether it comes true in time."""
    async with asyncio.timeout(seconds + 5):
        for _ in range(round(seconds * 50)):
            if await holds_true():
                return True
            await asyncio.sleep(0.02)
    return False
