"""An upstream that is asked on a tenant's own account there, and how it is known that a key is accepted before it is kept."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import replace
from typing import Final

from callmissed.gateway.problems import OwnKeyRefused, OwnKeyUnchecked, OwnKeyWrong
from callmissed.gateway.upstreams.http_client import Client
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

MODELS: Final = "/models"
WRONG: Final = (401, 403)
"""What servers answer to whom they do not know, or let do nothing."""


class Owned:
    """An upstream on a tenant's own account, under the tenant's own contract. `refused` hears when its key is not accepted."""

    def __init__(
        self, upstream: Upstream, terms: Terms, account: Account, refused: Callable[[], None]
    ) -> None:
        self.terms = terms
        self._upstream = upstream
        self._account = account
        self._refused = refused

    @property
    def taking(self) -> Taking | None:
        """As of the upstream."""
        return self._upstream.taking

    def check(self, asked: Asked) -> None:
        """As the upstream does."""
        self._upstream.check(asked)

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer. Raises OwnKeyRefused beside what the upstream raises."""
        with self._heard():
            return await self._upstream.reply(replace(asked, account=self._account))

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer piece by piece. Raises as `reply` does."""
        with self._heard():
            async with contextlib.aclosing(
                self._upstream.stream(replace(asked, account=self._account))
            ) as pieces:
                async for piece in pieces:
                    yield piece

    async def work(self, work: Work) -> Worked:
        """The document. Raises as `reply` does."""
        with self._heard():
            return await self._upstream.work(replace(work, account=self._account))

    async def close(self) -> None:
        """The connections are the upstream's."""

    @contextlib.contextmanager
    def _heard(self) -> Generator[None]:
        try:
            yield
        except OwnKeyRefused:
            self._refused()
            raise


async def prove(upstream: Upstream, client: Client, hello: Asked) -> None:
    """See a key accepted: by the list of models, which is free; where that is told to anybody, by the shortest answer there is.

    `hello` carries the account. Raises OwnKeyWrong, OwnKeyUnchecked, and the Problems named Upstream… .
    """
    secret = hello.account.secret if hello.account else ""
    with_key = await _status(client, secret)
    if with_key == 401:
        raise OwnKeyWrong
    if with_key == 200 and await _status(client, "") in WRONG:
        return
    if not hello.model:
        raise OwnKeyUnchecked
    try:
        await upstream.reply(hello)
    except OwnKeyRefused:
        raise OwnKeyWrong from None


async def _status(client: Client, secret: str) -> int:
    with await client.get(MODELS, secret) as answer:
        return answer.status
