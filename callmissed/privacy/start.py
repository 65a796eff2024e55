"""What the privacy room does when the process starts."""

from callmissed.foundation.services import Services
from callmissed.privacy.canary import plant
from callmissed.privacy.facts import Facts, refuse_unready
from callmissed.privacy.versions import ensure_version


class PolicyStart:
    """Started with the process: refuses production without a published operator, records the policy's version, hides the
    words that are looked for on disk. Raises OperatorUnknown.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def start(self) -> None:
        """Get ready."""
        refuse_unready(self._services.get(Facts))
        await ensure_version(self._services)
        await plant(self._services.db)
