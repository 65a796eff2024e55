"""Reading the mail that the application under test has written, as its recipient would."""

import re

from sqlalchemy import select

from callmissed.foundation import mail
from callmissed.foundation.mail.models import MailMessage
from callmissed.foundation.mail.tasks import send
from callmissed.foundation.services import Services


async def newest_letter(services: Services, address: str) -> mail.Kept:
    """The newest letter to this address that is still readable."""
    async with services.db.control() as tx:
        letters = await mail.kept_letters(tx)
    return next(letter for letter in letters if letter.recipient == address)


async def newest_code(services: Services, address: str) -> str:
    """The six digits of the newest sign-in letter to this address."""
    found = re.search(r"^ {4}(\d{6})$", (await newest_letter(services, address)).letter.text, re.MULTILINE)
    assert found
    return found[1]


async def send_waiting(services: Services) -> None:
    """Send every letter that waits, as the worker would."""
    async with services.db.control() as tx:
        waiting = list(await tx.session.scalars(select(MailMessage.id).where(MailMessage.state == "queued")))
    for each in waiting:
        await send(services, str(each))
