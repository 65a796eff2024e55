"""A shop whose bot knows prices, for the tests of grounding."""

from uuid import UUID

from callmissed import bots
from callmissed.knowledge import add_text
from tests.rooms.gateway.conftest import Shop

PRICES = """# Prices
An inspection visit costs ₹399. The fee is waived when the repair is done.

# Warranty
Every repair has a warranty of 30 days. Ask Meera at +91 98765 43210 for a copy."""
QUESTION = "What does an inspection visit cost?"


async def bot_of(shop: Shop, text: str = PRICES) -> UUID:
    """A bot of this shop that knows this text."""
    async with shop.services.db.tenant(shop.access) as tx:
        source = await add_text(tx, "Price list", text)
        return (await bots.create_bot(tx, name="Care", greeting="Hello", sources=[source.id])).id
