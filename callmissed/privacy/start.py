"""What the privacy room does when the process starts."""

from callmissed.foundation.services import Services
from callmissed.privacy.canary import plant
from callmissed.privacy.facts import Facts, refuse_unready
from callmissed.privacy.findings import refuse_open
from callmissed.privacy.sealed import Escrow
from callmissed.privacy.versions import ensure_version


class PolicyStart:
    """Started with the process: refuses production without a published operator, with findings that nobody answers for, or without
    custodians where law makes us seal; records the policy's version, hides the words that are looked for on disk.

    Raises OperatorUnknown, FindingsOpen and CustodiansMissing.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def start(self) -> None:
        """Get ready."""
        facts = self._services.get(Facts)
        refuse_unready(facts)
        async with self._services.db.control() as tx:
            await refuse_open(tx, facts)
        self._services.get(Escrow).refuse_unkept()
        await ensure_version(self._services)
        await plant(self._services.db)
