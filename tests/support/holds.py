"""Legal holds for tests."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services
from callmissed.privacy import legal_holds
from callmissed.privacy.holds import WantedHold
from tests.support.staff import staff_member


def order(**changed: Any) -> WantedHold:
    """An order that can be placed, over a person nobody knows, with what the test changes."""
    whole = WantedHold(
        person_id=uuid7(), authority="court", ordered_by="City Civil Court, Pune", reference="CS 214/2026",
        reason="dispute", expires_on=clock.today() + timedelta(days=90),
    )  # fmt: skip
    return replace(whole, **changed)


async def placed(services: Services, wanted: WantedHold, by: UUID | None = None) -> UUID:
    """It, placed by somebody of the staff."""
    who = by or await staff_member(services, "privacy")
    async with services.db.control() as tx:
        return await legal_holds.place(tx, who, wanted)


async def let_go(services: Services, hold_id: UUID) -> None:
    """A hold, released by two people."""
    one, other = await staff_member(services, "privacy"), await staff_member(services, "security")
    async with services.db.control() as tx:
        await legal_holds.ask_release(tx, one, hold_id)
    async with services.db.control() as tx:
        await legal_holds.release(tx, other, hold_id)


def owner_sql(installation: Installation) -> str:
    """Where the server's own login connects: it sees everything."""
    return installation.data.dsn(ADMIN, DATABASE).psycopg
