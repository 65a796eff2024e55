"""The register of destinations: who may be connected to, what is counted, and what is written."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import text

from callmissed.foundation.datamap import Category
from callmissed.foundation.egress import REGISTER, Destination, EgressLog, Register, UnknownDestination
from callmissed.foundation.egress.register import OTHERS
from callmissed.foundation.mail.carriers import Delayed, MailServer
from callmissed.foundation.services import Services
from callmissed.gateway.catalogue import read
from callmissed.gateway.problems import UpstreamUnreachable
from callmissed.gateway.upstreams import UpstreamSettings, found_upstreams
from callmissed.gateway.upstreams.http_client import Client
from callmissed.identity.dns import WorldTxtRecords
from callmissed.identity.factor_problems import ProviderUnreachable
from callmissed.identity.oidc import fetching

UNKNOWN = "nobody-declared-this.example"


def counts(register: Register) -> dict[tuple[str, int], tuple[int, int]]:
    return {(host, port): (each.contacts, each.refused) for (_, host, port), each in register.taken().items()}


def test_only_declared_destinations_are_let_through_and_both_are_counted() -> None:
    register = Register()
    register.declare(Destination.at("https://API.example.in./v1", "model", "models", Category.CONTENT))
    for _ in range(2):
        register.admit("api.example.in", 443)
    for host, port in (("api.example.in", 80), (UNKNOWN, 443), ("example.in", 443)):
        with pytest.raises(UnknownDestination):
            register.admit(host, port)
    assert counts(register) == {
        ("api.example.in", 443): (2, 0),
        ("api.example.in", 80): (0, 1),
        (UNKNOWN, 443): (0, 1),
        ("example.in", 443): (0, 1),
    }
    assert counts(register) == {}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1", ""])
def test_this_machine_needs_no_declaration_and_is_counted_with_one(host: str) -> None:
    register = Register()
    register.admit(host, 11434)
    assert counts(register) == {}
    register.declare(Destination("here", host, 11434, "models"))
    register.admit(host, 11434)
    assert counts(register) == {(host, 11434): (1, 0)}


@pytest.mark.parametrize("host", ["127.0.0.1.example", "localhost.example", "2130706433", "10.0.0.1"])
def test_what_only_looks_like_this_machine_is_not(host: str) -> None:
    with pytest.raises(UnknownDestination):
        Register().admit(host, 80)


def test_refused_tries_beyond_the_room_for_them_are_counted_together() -> None:
    register = Register(most_waiting=1)
    register.declare(Destination("known", "known.example", 443, "models"))
    for host in ("a.example", "b.example", "c.example"):
        with pytest.raises(UnknownDestination):
            register.admit(host, 1)
    register.admit("known.example", 443)
    assert counts(register) == {("a.example", 1): (0, 1), (OTHERS, 0): (0, 2), ("known.example", 443): (1, 0)}


async def test_each_place_that_connects_asks_first() -> None:
    letter = EmailMessage()
    letter["From"], letter["To"] = "a@example.in", "b@example.in"
    REGISTER.taken()
    with pytest.raises(UpstreamUnreachable):
        await Client(f"https://{UNKNOWN}:1001").get("/")
    with pytest.raises(Delayed):
        await MailServer(f"smtps://{UNKNOWN}:1002").send(letter)
    with pytest.raises(ProviderUnreachable):
        await fetching.get(f"https://{UNKNOWN}:1003/", fetching.Bounds(UNKNOWN))
    assert await WorldTxtRecords().texts(UNKNOWN) is None
    seen = counts(REGISTER)
    assert {(UNKNOWN, port): (0, 1) for port in (1001, 1002, 1003)}.items() <= seen.items()
    assert sum(refused for _, refused in seen.values()) == 4


async def test_suppliers_of_the_file_are_declared(tmp_path: Path) -> None:
    file = tmp_path / "upstreams.toml"
    kinds = {"openai": "openai", "claude": "anthropic", "voice": "sarvam", "ears": "deepgram", "web": "exa"}
    file.write_text(
        "".join(
            f'[[upstream]]\nname = "{name}"\nkind = "{kind}"\nregion = "IN"\nbase_url = "https://{name}.example.in:8443/v1"\n'
            for name, kind in kinds.items()
        )
    )
    await found_upstreams(UpstreamSettings(file=file, look=False), read())
    known = {each.name: each for each in REGISTER.declared()}
    assert {(known[name].host, known[name].port) for name in kinds} == {
        (f"{name}.example.in", 8443) for name in kinds
    }
    assert {known[name].categories for name in kinds} == {(Category.CONTENT, Category.BUSINESS_CONTENT)}


@pytest.mark.database
async def test_days_add_up_over_processes_and_declarations_keep_their_beginning(services: Services) -> None:
    for times in (2, 3):
        register = Register()
        register.declare(Destination("added", "added.example", 443, f"purpose {times}"))
        for _ in range(times):
            register.admit("added.example", 443)
        with pytest.raises(UnknownDestination):
            register.admit("strange.example", 443)
        log = EgressLog(services.db, register)
        await log.write()
        await log.write()
    async with services.db.control() as tx:
        found = await tx.session.execute(
            text(
                "SELECT host, contacts, refused FROM egress_contact WHERE host IN ('added.example', 'strange.example')"
            )
        )
        assert {tuple(row) for row in found} == {("added.example", 5, 0), ("strange.example", 0, 2)}
        [row] = await tx.session.execute(
            text("SELECT purpose, last_at > since FROM egress_destination WHERE name = 'added'")
        )
        assert tuple(row) == ("purpose 3", True)


@pytest.mark.database
async def test_what_cannot_be_written_waits(services: Services) -> None:
    register = Register()
    register.declare(Destination("waits", "waits.example", 443, "x" * 81))  # longer than its column
    register.admit("waits.example", 443)
    log = EgressLog(services.db, register)
    with pytest.raises(Exception, match="too long"):
        await log.write()
    register.declare(Destination("waits", "waits.example", 443, "mended"))
    register.admit("waits.example", 443)
    await log.write()
    async with services.db.control() as tx:
        contacts = "SELECT contacts FROM egress_contact WHERE host = 'waits.example'"
        assert await tx.session.scalar(text(contacts)) == 2
