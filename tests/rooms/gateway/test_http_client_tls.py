"""TLS towards upstreams: who is trusted, under which name, and that nothing is sent to anybody else."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callmissed.foundation import clock
from callmissed.gateway.problems import UpstreamUnreachable
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.http_connection import Timeouts
from tests.support.scripted import Scripted, always, scripted

FINE = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine"
Key = ec.EllipticCurvePrivateKey


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: str, key: Key, issuer: str, by: Key, extension: x509.ExtensionType, *, days: int = 1
) -> x509.Certificate:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(extension, critical=True)
        .sign(by, hashes.SHA256())
    )


class Authority:
    """A certificate authority of this test: it certifies names, and says how it is trusted."""

    def __init__(self, home: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._home = home
        ca = _certificate("CA", self.key, "CA", self.key, x509.BasicConstraints(ca=True, path_length=0))
        self.trusted = ssl.create_default_context(cadata=ca.public_bytes(serialization.Encoding.PEM).decode())

    def server(self, name: str, *, days: int = 1) -> ssl.SSLContext:
        """How a server of that name serves."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(
            name, key, "CA", self.key, x509.SubjectAlternativeName([x509.DNSName(name)]), days=days
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self._home / f"{name}.pem"
        file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def client_of(server: Scripted, trusted: ssl.SSLContext | None) -> Client:
    return Client(f"https://localhost:{server.port}", {"x-key": "secret"}, Timeouts(connect=1), trusted)


async def asked(client: Client) -> bytes:
    with await client.post("/chat", b"{}") as answer:
        return await answer.whole(1000)


async def test_a_certified_server_is_asked_by_name_and_kept(authority: Authority) -> None:
    context, names = authority.server("localhost"), list[str | None]()

    def hello(_: ssl.SSLObject | ssl.SSLSocket, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    context.sni_callback = hello
    async with scripted(always(FINE), context) as server:
        client = client_of(server, authority.trusted)
        assert [await asked(client) for _ in range(3)] == [b"fine"] * 3
        assert (server.made, names) == (1, ["localhost"])
        await client.close()
        await server.closed()


STRANGERS: dict[str, Callable[[Authority], tuple[ssl.SSLContext, ssl.SSLContext | None]]] = {
    "certified by somebody unknown": lambda it: (it.server("localhost"), None),
    "certified for another name": lambda it: (it.server("elsewhere.example"), it.trusted),
    "certified until yesterday": lambda it: (it.server("localhost", days=-1), it.trusted),
}


@pytest.mark.parametrize("which", STRANGERS)
async def test_a_stranger_is_told_nothing(which: str, authority: Authority) -> None:
    serves, trusts = STRANGERS[which](authority)
    async with scripted(always(FINE), serves) as server:
        with pytest.raises(UpstreamUnreachable):
            await asked(client_of(server, trusts))
        assert server.requests == []


async def test_a_server_that_speaks_no_tls_is_told_nothing(authority: Authority) -> None:
    async with scripted(always(FINE)) as server:
        with pytest.raises(UpstreamUnreachable):
            await asked(client_of(server, authority.trusted))
        assert server.requests == []


async def test_a_cancelled_call_closes_its_connection_at_once(authority: Authority) -> None:
    async with scripted(always(b"", pause=30), authority.server("localhost")) as server:
        task = asyncio.create_task(asked(client_of(server, authority.trusted)))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.closed()


async def test_a_long_answer_waits_for_its_reader(authority: Authority) -> None:
    block = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with scripted(always(head, *[block] * 300, b"0\r\n\r\n"), authority.server("localhost")) as server:
        client = client_of(server, authority.trusted)
        with await client.post("/chat", b"{}") as answer:
            await asyncio.sleep(0.5)
            assert server.sent < 12_000_000
            assert len(await answer.whole(30_000_000)) == 300 * 65_536
        await client.close()
        await server.closed()
