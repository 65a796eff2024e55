"""kill -9 under load: no usage record is lost or doubled, and every balance stays the sum of its entries."""

from random import Random

import pytest

from callmissed.app.installation import Installation
from callmissed.billing import Ledger
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from tests.support.crash import Wreck, crash_once, settle_the_wreck, tenants_with_money

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow]


@pytest.mark.timeout(300)
async def test_twenty_kills_lose_and_double_nothing(services: Services, installation: Installation) -> None:
    chance = Random(20)
    ledger = services.get(Ledger)
    total = 0
    for _ in range(20):
        tenants = await tenants_with_money(services, 3)
        wreck = await crash_once(services, installation, tenants, chance)
        assert (wreck.lost, wreck.doubled, wreck.invented) == (0, 0, 0)
        assert not set(wreck.held) & wreck.acknowledged
        figures = await settle_the_wreck(ledger, services, tenants)
        assert not any(value for name, value in figures.items() if name.startswith("wrong_"))
        assert figures["billed_requests"] == len(wreck.used) >= len(wreck.acknowledged) > 0
        total += len(wreck.acknowledged)
    assert total > 200


def test_a_wreck_that_lost_doubled_or_invented_is_seen() -> None:
    nobodys, there, gone = uuid7(), uuid7(), uuid7()
    wreck = Wreck({there, gone}, {there, gone}, used=[there, there, nobodys], charged=[there])
    assert (wreck.lost, wreck.doubled, wreck.invented) == (2, 1, 2)
