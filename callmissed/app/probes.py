"""Probes: answers for the checks of the promises that only the front hall can get, because it knows every room."""

import asyncio
import re
from pathlib import Path

from sqlalchemy import func, select
from starlette.types import ASGIApp

from callmissed.app.crawl import crawl
from callmissed.app.installation import Installation
from callmissed.billing import reconcile
from callmissed.foundation import datamap
from callmissed.foundation.egress import REGISTER
from callmissed.foundation.ids import uuid7
from callmissed.foundation.postgres import Cluster
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Limiter, Upstreams
from callmissed.identity import ways_in
from callmissed.privacy import Probes, hidden_words, holds_card

SECRET = re.compile(rb"cm_[0-9A-Za-z]{30,}")
CHUNK = 4_000_000
LONGEST = 256
"""Bytes carried over from one chunk to the next, so that nothing hides on the seam."""


def register_probes(probes: Probes, services: Services, installation: Installation, pages: ASGIApp) -> None:
    """Offer every answer this process can give. `pages` is the application that the walk goes through."""

    async def upstreams() -> dict[str, dict[str, object]]:
        return services.get(Upstreams).terms()

    async def reconciliation() -> dict[str, int]:
        async with services.verifier.control() as tx:
            return dict((await reconcile(tx)).figures)

    async def stranger() -> dict[str, int]:
        return await seen_by_stranger(services)

    async def scopes() -> dict[str, str]:
        return services.get(ways_in.Providers).asked_scopes()

    async def limits() -> dict[str, bool]:
        limiter, nobody = services.get(Limiter), uuid7()
        first, second = await limiter.request(nobody, 1), await limiter.request(nobody, 1)
        return {"allows": not first.wait, "refuses": bool(second.wait)}

    async def destinations() -> dict[str, list[str]]:
        names = {each.name for each in REGISTER.declared()}
        terms = services.get(Upstreams).terms()
        return {"adapters": [*terms], "undeclared": sorted(name for name in terms if name not in names)}

    async def secrets() -> dict[str, int]:
        return await asyncio.to_thread(secrets_in_logs, installation.home)

    async def walk() -> dict[str, list[str]]:
        return await crawl(pages, services.base_url)

    probes.register("gateway.upstreams", upstreams)
    probes.register("billing.reconciliation", reconciliation)
    probes.register("isolation.stranger", stranger)
    probes.register("identity.scopes", scopes)
    probes.register("gateway.limits", limits)
    probes.register("egress.destinations", destinations)
    probes.register("logs.secrets", secrets)
    probes.register("pages.crawl", walk)
    data = installation.data
    if isinstance(data, Cluster):

        async def canaries() -> dict[str, int]:
            return await asyncio.to_thread(search_files, data.place.data, hidden_words(services.vault))

        probes.register("store.canaries", canaries)


async def seen_by_stranger(services: Services) -> dict[str, int]:
    """How many rows a business that was made up for this question sees in each tenant table."""
    async with services.db.tenant(Access.system(uuid7(), purpose="verification")) as tx:
        return {
            table.name: int(await tx.session.scalar(select(func.count()).select_from(table)) or 0)
            for table in datamap.tables()
            if datamap.is_tenant_table(table)
        }


def secrets_in_logs(home: Path) -> dict[str, int]:
    """Log files and their lines; strings of the shape of a key, and lines with a payment card's number, in them."""
    files = [path for path in home.glob("**/*.log*") if path.is_file()]
    pieces = [chunk for path in files for chunk in chunks(path)]
    lines = [line for chunk in pieces for line in chunk.decode("utf-8", "replace").splitlines()]
    return {
        "files": len(files),
        "lines": len(lines),
        "keys": sum(len(SECRET.findall(chunk)) for chunk in pieces),
        "cards": sum(holds_card(line) for line in lines),
    }


def search_files(folder: Path, words: tuple[bytes, ...]) -> dict[str, int]:
    """Search every file below the folder for the hidden words, byte by byte."""
    found = files = size = 0
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        files += 1
        for chunk in chunks(path):
            size += len(chunk)
            found += sum(chunk.count(word) for word in words)
    return {"hidden": len(words), "found": found, "files": files, "megabytes": size // 1_000_000}


def chunks(path: Path) -> list[bytes]:
    """The bytes of a file in overlapping pieces; none where it vanished meanwhile, as a database's files do."""
    pieces: list[bytes] = []
    try:
        with path.open("rb") as source:
            tail = b""
            while piece := source.read(CHUNK):
                pieces.append(tail + piece)
                tail = piece[-LONGEST:]
    except FileNotFoundError:
        pass
    return pieces
