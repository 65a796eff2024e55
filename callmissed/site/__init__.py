"""The public web pages: home, the living policy with its proof, and the website of the demo's invented firm.

The pages show what a `PublicRecord` tells them; the wiring offers one, and a `DemoFirm` on a laptop.
"""

from callmissed.site.demo_firm import DemoFirm
from callmissed.site.living import LivingRecord
from callmissed.site.record import (
    Collected,
    Counts,
    Entity,
    Leaf,
    Officer,
    Policy,
    Price,
    Promised,
    PublicRecord,
    Section,
)

__all__ = [
    "Collected",
    "Counts",
    "DemoFirm",
    "Entity",
    "Leaf",
    "LivingRecord",
    "Officer",
    "Policy",
    "Price",
    "Promised",
    "PublicRecord",
    "Section",
]
