"""Asking a provider: small answers, short waits, no redirects, HTTPS, and no address inside our own network.

Where a provider says its endpoints are, is its own word: it could be lying to make us ask our own machines. Every name is
looked up once, refused when it leads inside, and connected to as it was looked up, so that a name cannot turn meanwhile.
The operator's own issuer may stand inside, as a Keycloak does; its endpoints then have to be of the same host.
"""

import asyncio
import json
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import SplitResult, urlencode, urlsplit

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import StreamRequest

from callmissed.foundation import egress
from callmissed.identity.factor_problems import ProviderUnreachable, ProviderUntrusted

log = logging.getLogger(__name__)

LARGEST = 262_144
CONNECT = timedelta(seconds=4)
TOTAL_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a provider may send us: `home` is the host the operator named; `laptop` allows http to this machine."""

    home: str
    laptop: bool = False
    seconds: float = TOTAL_SECONDS


async def get(url: str, bounds: Bounds, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at an address. Raises ProviderUnreachable and ProviderUntrusted."""
    return await _ask(url, bounds, None, headers or {})


async def post(
    url: str, form: Mapping[str, str], bounds: Bounds, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Send a form, and read the JSON object that comes back. Raises ProviderUnreachable and ProviderUntrusted."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return await _ask(url, bounds, urlencode(form), {**(headers or {}), **kind})


async def _ask(url: str, bounds: Bounds, body: str | None, headers: Mapping[str, str]) -> dict[str, Any]:
    try:
        async with asyncio.timeout(bounds.seconds):
            return await _answer(url, bounds, body, headers)
    except (PyreqwestError, OSError, egress.UnknownDestination) as failure:  # TimeoutError is an OSError
        log.warning("a sign-in provider does not answer: %s", type(failure).__name__)
        raise ProviderUnreachable from None


async def _answer(url: str, bounds: Bounds, body: str | None, headers: Mapping[str, str]) -> dict[str, Any]:
    where = admissible(url, bounds)
    port = where.port or (443 if where.scheme == "https" else 80)
    egress.REGISTER.admit(where.hostname or "", port)
    ip = await _looked_up(where.hostname or "", port, bounds)
    builder = ClientBuilder().connect_timeout(CONNECT).no_proxy().follow_redirects(False)
    async with builder.resolve(where.hostname or "", ip, port).build() as client:
        request = client.post(url).body_text(body) if body is not None else client.get(url)
        for name, value in {"accept": "application/json", **headers}.items():
            request = request.header(name, value)
        status, content = await _read(request.build_streamed())
    if status >= 500:
        raise ProviderUnreachable
    try:
        read: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise ProviderUntrusted from None
    if status != 200 or not isinstance(read, dict):
        log.warning("a sign-in provider answered %d", status)
        raise ProviderUntrusted
    return cast("dict[str, Any]", read)


async def _read(request: StreamRequest) -> tuple[int, bytes]:
    """Status and body, as far as it is allowed to be long."""
    async with request as response:
        parts: list[bytes] = []
        size = 0
        while (chunk := await response.body_reader.read_chunk()) is not None:
            size += len(chunk)
            if size > LARGEST:
                raise ProviderUntrusted
            parts.append(bytes(chunk))
        return response.status, b"".join(parts)


def admissible(url: str, bounds: Bounds) -> SplitResult:
    """The parts of an address that may be asked: HTTPS without credentials in it. Raises ProviderUntrusted."""
    try:
        where = urlsplit(url)
        secure = where.scheme == "https" or (bounds.laptop and where.scheme == "http" and is_loopback(where))
        fine = secure and bool(where.hostname) and not where.username and where.port != 0
    except ValueError:
        fine, where = False, urlsplit("")
    if not fine:
        raise ProviderUntrusted
    return where


def is_loopback(where: SplitResult) -> bool:
    """Whether an address is this machine's by its name alone."""
    return where.hostname in {"localhost", "127.0.0.1", "::1"}


async def _looked_up(host: str, port: int, bounds: Bounds) -> str:
    """One address of the host, which every address it has admits. Raises ProviderUntrusted, OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if host != bounds.home and not all(ip_address(each).is_global for each in addresses):
        raise ProviderUntrusted
    return addresses[0]
