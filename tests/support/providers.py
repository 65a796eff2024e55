"""Two identity providers on the loopback: an honest one by another hand, and one of ours that lies as it is told to."""

import asyncio
import contextlib
import hmac
import json
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from callmissed.foundation import clock
from callmissed.identity.oidc import ProviderSettings

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / "tests" / "peers" / "oidc"
SECRET = "a secret that only the two of them know"


# The honest one


@dataclass
class HonestProvider:
    """`oidc-provider` (npm) as a process of its own; `seat` says who sits at the browser."""

    issuer: str

    async def seat(self, **claims: Any) -> None:
        """Whoever comes next is this person."""
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{self.issuer}/seat", json=claims)).status_code == 200

    async def visit(self, address: str) -> str:
        """Follow the provider's own redirects as a browser does, up to the one that leads back to us."""
        async with httpx.AsyncClient() as browser:
            for _ in range(8):
                reply = await browser.get(address)
                assert reply.status_code in {302, 303}, reply.text
                address = str(httpx.URL(address).join(reply.headers["location"]))
                if not address.startswith(self.issuer):
                    return address
        pytest.fail("the provider never came back")


def installed() -> bool:
    """Whether the honest provider can run here; installs it when it can be."""
    return subprocess.run([str(ROOT / "scripts" / "ensure_peers")], check=False).returncode == 0


@contextlib.asynccontextmanager
async def honest_provider(redirect_uri: str) -> AsyncGenerator[HonestProvider]:
    """Run it until the end of the block."""
    if not await asyncio.to_thread(installed):
        pytest.skip("needs Node.js with npm: scripts/ensure_peers says how")
    process = await asyncio.create_subprocess_exec(
        "node",
        "server.mjs",
        redirect_uri,
        cwd=PEER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(30):
            port = int(await process.stdout.readline())
        yield HonestProvider(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        await process.wait()


# The lying one


@dataclass
class LyingProvider:
    """A provider that signs whatever it is told to. `claims` replace those of a good token; None removes one.

    `sign`: "good", "none", "hs256-with-public-key", "other-key" or "new-key". `document` replaces parts of the discovery document.
    `delay`: seconds before each answer of the token endpoint; `huge`: an answer without end.
    """

    port: int = 0
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    sign: str = "good"
    claims: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    nonce: str = ""
    delay: float = 0.0
    huge: bool = False
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, name: str = "liar", **other: Any) -> ProviderSettings:
        """As the operator's file would name it."""
        return ProviderSettings(name, name.title(), self.issuer, "callmissed", SECRET, **other)

    def token(self) -> str:
        """The ID token it answers with."""
        now = int(clock.now().timestamp())
        good = {
            "iss": self.issuer,
            "aud": "callmissed",
            "sub": "liar-1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "p@namuna.example",
            "email_verified": True,
            "name": "Asha Namuna",
        }
        claims = {name: value for name, value in {**good, **self.claims}.items() if value is not None}
        if self.sign == "none":
            return f"{b64({'alg': 'none'})}.{b64(claims)}."
        if self.sign == "hs256-with-public-key":
            # By hand: the library that makes the other tokens refuses to be so wrong.
            signed = f"{b64({'alg': 'HS256', 'kid': 'one'})}.{b64(claims)}"
            mark = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{urlsafe_b64encode(mark).rstrip(b'=').decode()}"
        if self.sign == "other-key":
            return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048))
        if self.sign == "new-key":
            self.key, self.sign = RSAKey.generate_key(2048, {"kid": "two"}), "good"
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, claims, self.key)

    def answer(self, path: str) -> Any:
        """What it says at an address."""
        if path == "/.well-known/openid-configuration":
            places = {
                "authorization_endpoint": "/authorize",
                "token_endpoint": "/token",
                "jwks_uri": "/keys",
            }
            whole = {name: self.issuer + place for name, place in places.items()}
            return {"issuer": self.issuer, **whole, **self.document}
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        return {"access_token": "x", "token_type": "Bearer", "id_token": self.token()}


def b64(part: dict[str, Any]) -> str:
    """A part of a token."""
    return urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@contextlib.asynccontextmanager
async def lying_provider() -> AsyncGenerator[LyingProvider]:
    """Serve until the end of the block."""
    liar = LyingProvider()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            length = next(
                (line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0"
            )
            liar.forms.append(parse_qs((await reader.readexactly(int(length))).decode()))
            liar.asked.append(path)
            await asyncio.sleep(liar.delay if path == "/token" else 0)
            body = json.dumps(liar.answer(path)).encode() + (b" " * 600_000 if liar.huge else b"")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
            writer.write(f"content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    liar.port = server.sockets[0].getsockname()[1]
    yield liar
    server.close()
