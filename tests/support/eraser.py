"""A process that erases one closing and says each step it has done, made to be killed: `python -m tests.support.eraser CLOSING`.

Finds the running installation by its settings in the environment; removes few rows at a time, so that there is a middle.
"""

import asyncio
import os
import sys
from uuid import UUID

from callmissed.app.installation import joined
from callmissed.app.settings import Settings
from callmissed.app.wiring import wired
from callmissed.identity import erasing


async def main(closing_id: UUID) -> None:
    """Erase, and say so."""
    erasing.PORTION = 20
    with joined(Settings()) as installation:
        async with wired(installation) as services:
            os.write(1, b"ready\n")
            done = await erasing.erase(services, closing_id)
            os.write(1, b"complete\n" if done else b"left to another\n")


if __name__ == "__main__":
    asyncio.run(main(UUID(sys.argv[1])))
