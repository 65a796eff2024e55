"""What an upstream is in the register of destinations."""

from typing import Final

from callmissed.foundation.datamap import Category
from callmissed.foundation.egress import REGISTER, Destination
from callmissed.gateway.upstreams.protocol import Terms

SENT: Final = (Category.CONTENT, Category.BUSINESS_CONTENT)


def declare(terms: Terms, address: str = "") -> None:
    """Let content go there; without an address the upstream runs in this process. Raises ValueError for what is no address."""
    REGISTER.declare(Destination.at(address, terms.name, "models and search", *SENT, region=terms.region))
