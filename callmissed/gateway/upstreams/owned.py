"""An upstream that is asked on a tenant's own account there, and how it is known that a key is accepted before it is kept."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Final

from callmissed.gateway.problems import OwnKeyRefused, OwnKeyUnchecked, OwnKeyWrong, UpstreamRefused
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.protocol import Asked, Piece, Replied, Terms, Work, Worked
from callmissed.gateway.upstreams.seeking import Found, Sought
from callmissed.gateway.upstreams.sound import Heard, Listening, Sound, Wording
from callmissed.gateway.upstreams.taking import Taking

CUSTOMERS_ONLY: Final = (401, 403)
"""What servers answer to whom they do not know, or let do nothing."""


class Owned:
    """An upstream on a tenant's own account, under the tenant's own contract. `refused` hears when its key is not accepted.

    Each verb asks as the upstream does, and raises OwnKeyRefused where that raises UpstreamRefused.
    """

    def __init__(self, terms: Terms, taking: Taking, secret: str, refused: Callable[[], None]) -> None:
        self.terms = terms
        self.taking = taking
        self._upstream = taking.with_key(secret)
        self._refused = refused

    def check(self, asked: Asked) -> None:
        """Refuse what the upstream cannot do."""
        self._upstream.check(asked)

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer."""
        with self._heard():
            return await self._upstream.reply(asked)

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer piece by piece."""
        with self._heard():
            async with contextlib.aclosing(self._upstream.stream(asked)) as pieces:
                async for piece in pieces:
                    yield piece

    async def work(self, work: Work) -> Worked:
        """The document."""
        with self._heard():
            return await self._upstream.work(work)

    async def speak(self, wording: Wording) -> Sound:
        """A text as speech."""
        with self._heard():
            return await self._upstream.speak(wording)

    async def hear(self, listening: Listening) -> Heard:
        """What is said in a recording."""
        with self._heard():
            return await self._upstream.hear(listening)

    async def search(self, sought: Sought) -> Found:
        """What a search finds."""
        with self._heard():
            return await self._upstream.search(sought)

    async def close(self) -> None:
        """The connections are the upstream's."""

    @contextlib.contextmanager
    def _heard(self) -> Generator[None]:
        try:
            yield
        except UpstreamRefused:
            self._refused()
            raise OwnKeyRefused from None


async def prove(taking: Taking, secret: str, hello: Asked | None) -> None:
    """See a key accepted: at an address that is answered to customers alone, which is free; elsewhere by the shortest answer there is.

    `hello` asks for that answer; None where the upstream writes none. Raises OwnKeyWrong, OwnKeyUnchecked, and the Problems named
    Upstream… .
    """
    with_key = await _status(taking.client.with_key(secret), taking.proof)
    if with_key == 401:
        raise OwnKeyWrong
    if with_key == 200 and await _status(taking.client.with_key(""), taking.proof) in CUSTOMERS_ONLY:
        return
    if hello is None:
        raise OwnKeyUnchecked
    try:
        await taking.with_key(secret).reply(hello)
    except UpstreamRefused:
        raise OwnKeyWrong from None


async def _status(client: Client, path: str) -> int:
    with await client.get(path) as answer:
        return answer.status
