"""Factories: people and businesses for a test, made through the front doors of the rooms."""

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access


class Make:
    """Makes what a test needs in the given installation."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def access(self) -> Access:
        """The system's standing in a tenant that nobody else has: enough for the tests of a single room."""
        return Access.system(uuid7())
