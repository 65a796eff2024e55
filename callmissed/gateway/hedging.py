"""Hedging: where the first upstream takes long, the next one is asked beside it, and whoever answers first wins.

The other is cancelled, which closes its connection. It was asked all the same, and may cost the operator; the caller pays for the
answer alone.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")
Asked = TypeVar("Asked")


async def race(
    ask: Callable[[Asked], Coroutine[Any, Any, Answer]],
    first: Asked,
    after: float,
    other: Callable[[], Asked | None],
    close: Callable[[Answer], Coroutine[Any, Any, None]],
) -> tuple[Asked, Answer]:
    """Who answered first, and the answer. `other` is called after so many seconds, and names who is asked beside the first.

    Once this ends, whatever way, nobody is asked any more, and `close` has had every answer but the one that won. Raises what the
    first raised, once nobody is left who could answer.
    """
    asked = {asyncio.create_task(ask(first), name="asked first"): first}
    won: asyncio.Task[Answer] | None = None
    try:
        done, pending = await asyncio.wait(asked, timeout=after)
        if not done and (beside := other()) is not None:
            asked[asyncio.create_task(ask(beside), name="asked beside")] = beside
            pending = set(asked)
        while (won := _answered(asked, done)) is None and pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        decisive = won or next(iter(asked))
        return asked[decisive], decisive.result()
    finally:
        await _end([task for task in asked if task is not won], close)


def _answered(
    asked: dict[asyncio.Task[Answer], Asked], done: set[asyncio.Task[Answer]]
) -> asyncio.Task[Answer] | None:
    """In the order of asking: of two answers at once that of the first counts."""
    return next((task for task in asked if task in done and task.exception() is None), None)


async def _end(
    tasks: list[asyncio.Task[Answer]], close: Callable[[Answer], Coroutine[Any, Any, None]]
) -> None:
    for task in tasks:
        task.cancel()
    for answer in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(answer, BaseException):
            await close(answer)
