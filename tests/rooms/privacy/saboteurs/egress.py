"""Against the register of destinations: content.no-sale."""

from collections.abc import AsyncGenerator

from callmissed.foundation.egress import REGISTER
from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages

BROKER = "broker.example"


@sabotages("content.no-sale", "3 connections and 0 calls", BROKER, strange=3)
async def contact_with_an_unknown_host(house: House) -> AsyncGenerator[None]:
    """Connects three times to somebody whom nobody has declared."""
    async with house.done(
        f"INSERT INTO egress_contact VALUES (date_trunc('day', now()), '{BROKER}', 443, 3, 0)",
        f"DELETE FROM egress_contact WHERE host = '{BROKER}'",
    ):
        yield


@sabotages("content.no-sale", "3 connections and 0 calls", BROKER, strange=3)
async def another_port_of_a_declared_host(house: House) -> AsyncGenerator[None]:
    """Connects three times to a port that nobody has declared, of a host that somebody has."""
    columns = "name, host, port, purpose, categories, region, declared_by, since, last_at"
    async with (
        house.done(
            f"INSERT INTO egress_destination ({columns}) VALUES"
            f" ('mail server', '{BROKER}', 465, 'mail', '', '??', 'settings', now(), now())",
            f"DELETE FROM egress_destination WHERE host = '{BROKER}'",
        ),
        house.done(
            f"INSERT INTO egress_contact VALUES (date_trunc('day', now()), '{BROKER}', 443, 3, 0)",
            f"DELETE FROM egress_contact WHERE host = '{BROKER}'",
        ),
    ):
        yield


@sabotages("content.no-sale", "1 calls to nobody in the register", "data-broker", unnamed=1)
async def a_call_to_a_supplier_that_nobody_declared(house: House) -> AsyncGenerator[None]:
    """Has a usage record name a supplier that does not stand in the register."""
    async with house.usage_row(upstream="data-broker"):
        yield


@sabotages("content.no-sale", "1 suppliers are not in it", "local", undeclared=1)
async def an_adapter_that_nobody_declared(house: House) -> AsyncGenerator[None]:
    """Takes a supplier that is in use out of the register of this process."""
    place = "local", "", 0
    before = REGISTER._declared.pop(place)
    try:
        yield
    finally:
        REGISTER._declared[place] = before


@sabotages("content.no-sale", "could not be finished", verdict="unknown")
async def contacts_hidden_from_the_verifier(house: House) -> AsyncGenerator[None]:
    """Takes the right to read the contacts away from the checks."""
    async with house.done(
        "REVOKE SELECT ON egress_contact FROM cm_verifier", "GRANT SELECT ON egress_contact TO cm_verifier"
    ):
        yield


@sabotages("content.no-sale", "egress_destination (nothing to look at)", verdict="unknown")
async def an_empty_register(house: House) -> AsyncGenerator[None]:
    """Empties the register."""
    async with house.saved("egress_destination"):
        await house.sql("DELETE FROM egress_destination")
        yield


@sabotages("content.no-sale", "egress.destinations", verdict="unknown")
async def nobody_who_knows_the_adapters(house: House) -> AsyncGenerator[None]:
    """Asks where no adapters are."""
    with house.answering("egress.destinations", None):
        yield
