"""The jobs of the mail: send one letter, forget the old ones."""

from uuid import UUID

from callmissed.foundation import i18n, jobs
from callmissed.foundation.mail import service
from callmissed.foundation.mail.carriers import Delayed, Postbox, Undeliverable
from callmissed.foundation.services import Services

ATTEMPTS = 8


@jobs.task(service.SEND, retries=ATTEMPTS)
async def send(services: Services, message_id: str) -> None:
    """Intent, commit, send, result: no transaction is open while a mail server is asked.

    A crash between sending and noting it sends the letter again under the same Message-ID. Raises Delayed, so that the
    queue tries again later, up to eight times.
    """
    letter_id = UUID(message_id)
    async with services.db.control() as tx:
        intent = await service.claim(tx, letter_id)
    if intent is None:
        return
    postbox = services.get(Postbox)
    message = postbox.envelope(message_id, intent.recipient)
    message["Subject"] = intent.letter.subject
    message["Content-Language"] = intent.language
    with i18n.speaking(intent.language):
        message.set_content(intent.letter.text)
        message.add_alternative(intent.letter.html(), subtype="html")
    try:
        outcome = await postbox.carrier.send(message)
    except Undeliverable as refused:
        async with services.db.control() as tx:
            await service.settle(
                tx, letter_id, "failed", f"refused {refused.details.get('code', '')}".strip()
            )
        return
    except Delayed as delay:
        reason = " ".join(str(part) for part in delay.details.values())
        async with services.db.control() as tx:
            if intent.attempts >= ATTEMPTS:
                await service.settle(tx, letter_id, "failed", reason)
                return
            await service.note_delay(tx, letter_id, reason)
        raise
    async with services.db.control() as tx:
        await service.settle(tx, letter_id, outcome)


@jobs.every("17 21 * * *", "foundation.mail.purge")
async def purge(services: Services) -> None:
    """Remove letters past their keeping time, once a night."""
    async with services.db.control() as tx:
        await service.purge(tx)
