"""The vault: what sealing, opening and looking up one value costs, beside the bare cipher and the bare hash in the same run."""

import asyncio
import hmac
import os
import time
from collections.abc import Callable
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.figures import Figure, against, report, waited
from callmissed.app.installation import Installation
from callmissed.foundation.ids import uuid7
from callmissed.foundation.vault import SealedValue
from tests.support.installation import temporary_installation

TEXT = "My washing machine in Kothrud makes a noise like a helicopter. Can someone come before noon? " * 2
COLUMN = "message.body"
TIMES = 20_000
PAGE = 50
PEOPLE = 200


def main() -> None:
    """Measure and report."""
    with temporary_installation() as installation:
        report("vault", asyncio.run(measured(installation)))


def microseconds(work: Callable[[], object], times: int = TIMES) -> float:
    """The best of five rounds, per call: what the work costs when nothing else is in its way."""
    rounds: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times // 5):
            work()
        rounds.append((time.perf_counter() - began) / (times // 5) * 1e6)
    return min(rounds)


async def measured(installation: Installation) -> list[Figure]:
    """Every figure, with one person's key warm in the cache and with new ones."""
    tenant, person, row = uuid7(), uuid7(), uuid7()
    async with installation.vault() as vault:
        box = await vault.person(tenant, person, "conversation")
        blob = box.seal(COLUMN, row, TEXT)
        page = [SealedValue(COLUMN, row, person, blob)] * PAGE
        cipher, plain, place, nonce = AESGCM(os.urandom(32)), TEXT.encode(), os.urandom(77), os.urandom(12)
        sealed = cipher.encrypt(nonce, plain, place)
        bare_seal = microseconds(lambda: cipher.encrypt(os.urandom(12), plain, place))
        bare_open = microseconds(lambda: cipher.decrypt(nonce, sealed, place))
        bare_hash = microseconds(lambda: hmac.digest(nonce, plain[:24], sha256))
        several = await waited(lambda: vault.open_many(tenant, page), TIMES // PAGE) / PAGE
        return [
            against("seal one message", microseconds(lambda: box.seal(COLUMN, row, TEXT)), "µs", bare_seal),
            against(
                "open one message, key in the cache",
                await waited(lambda: vault.open(tenant, COLUMN, row, person, blob), TIMES),
                "µs",
                bare_open,
            ),
            against(f"open one message of a page of {PAGE}", several, "µs", bare_open),
            against(
                "blind index of an e-mail address",
                microseconds(
                    lambda: vault.blind_index(tenant, "contact_handle.value", "asha@namuna.example")
                ),
                "µs",
                bare_hash,
            ),
            Figure(
                "make a new person's key, durable",
                await waited(lambda: vault.person(tenant, uuid7(), "conversation"), PEOPLE),
                "µs",
            ),
            Figure("bytes added to each value", len(blob) - len(TEXT.encode()), "bytes"),
        ]


if __name__ == "__main__":
    main()
