"""Letters leave once the transaction has committed, and only then; nothing readable of them stays behind."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID

import psycopg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from callmissed.app.installation import Installation
from callmissed.foundation import clock, mail
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.mail.carriers import Delayed
from callmissed.foundation.mail.letters import Letter, compose
from callmissed.foundation.mail.models import MailMessage
from callmissed.foundation.mail.service import purge
from callmissed.foundation.mail.tasks import ATTEMPTS, send
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services

pytestmark = pytest.mark.database

CODE = {"code": "123456", "minutes": 10}
TEMPLATE = "identity.sign_in_code"


@dataclass
class Server:
    """A real mail server that keeps what it gets, and answers as it is told."""

    answer: str = "250 OK"
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take one letter."""
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.letters.append(message_from_bytes(content, policy=policy.default))  # pyright: ignore[reportArgumentType] - EmailMessage by policy
        return self.answer


@pytest.fixture
def server() -> Server:
    """What the mail server does."""
    return Server()


@pytest.fixture
async def posting(services: Services, server: Server) -> AsyncGenerator[Services]:
    """The services with that mail server configured."""
    listening = await asyncio.get_running_loop().create_server(lambda: SMTP(server), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    held = replace(services, _own=dict(services._own))
    held.put(
        mail.Postbox.of(
            f"smtp://127.0.0.1:{port}",
            "CallMissed <no-reply@namuna.example>",
            "namuna.example",
            production=True,
        )
    )
    yield held
    listening.close()


@dataclass
class Posted:
    """A queued letter."""

    id: UUID
    person: UUID
    address: str


async def post(services: Services, **wishes) -> Posted:
    """Queue a letter to a new person."""
    person = uuid7()
    address = f"p{person.hex}@namuna.example"
    async with services.db.control() as tx:
        letter = await mail.queue(tx, person, address, TEMPLATE, **CODE, **wishes)
    return Posted(letter, person, address)


async def row(services: Services, letter: UUID) -> MailMessage:
    """The letter's row."""
    async with services.db.control() as tx:
        found = await tx.session.get(MailMessage, letter)
        assert found
        return found


async def test_a_letter_is_sent_once_and_its_text_dropped(posting, server) -> None:
    letter = await post(posting)
    await send(posting, str(letter.id))
    await send(posting, str(letter.id))
    (got,) = server.letters
    assert got["To"] == letter.address
    assert got["Message-ID"] == f"<{letter.id}@namuna.example>"
    assert "123456" in got["Subject"]
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text
    assert html
    assert "    123456" in text.get_content()
    assert "123456" in html.get_content()
    assert "http" not in html.get_content().replace("http-equiv", "")
    kept = await row(posting, letter.id)
    assert (kept.state, kept.body, kept.attempts) == ("sent", None, 1)


async def test_a_letter_of_a_transaction_that_failed_does_not_exist(services) -> None:
    person, job = uuid7(), None
    with pytest.raises(ZeroDivisionError):
        async with services.db.control() as tx:
            job = await mail.queue(tx, person, "x@namuna.example", TEMPLATE, **CODE)
            _ = 1 / 0
    async with services.db.control() as tx:
        assert await tx.session.get(MailMessage, job) is None


async def test_without_a_mail_server_letters_stay_in_the_outbox(services) -> None:
    letter = await post(services, language="hi")
    await send(services, str(letter.id))
    async with services.db.control() as tx:
        kept = await mail.kept(tx, letter.id)
    assert kept
    assert (kept.recipient, kept.state, kept.language) == (letter.address, "outbox", "hi")
    assert [block.text for block in kept.letter.blocks() if block.kind == "figure"] == ["123456"]


async def test_a_refused_letter_fails_for_good(posting, server) -> None:
    server.answer = "550 no such person"
    letter = await post(posting)
    await send(posting, str(letter.id))
    kept = await row(posting, letter.id)
    assert (kept.state, kept.failure, kept.body) == ("failed", "refused 550", None)


async def test_a_busy_server_is_tried_again_up_to_a_point(posting, server) -> None:
    server.answer = "451 later"
    letter = await post(posting)
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(Delayed):
            await send(posting, str(letter.id))
    kept = await row(posting, letter.id)
    assert (kept.state, kept.failure) == ("queued", "451")
    server.answer = "250 OK"
    await send(posting, str(letter.id))
    assert (await row(posting, letter.id)).state == "sent"


async def test_a_server_that_stays_away_is_given_up(services) -> None:
    held = replace(services, _own=dict(services._own))
    held.put(mail.Postbox.of("smtp://127.0.0.1:9", "a@namuna.example", "namuna.example", production=True))
    letter = await post(held)
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(Delayed) as refused:
            await send(held, str(letter.id))
        assert letter.address not in str(refused.value)
    await send(held, str(letter.id))
    assert (await row(held, letter.id)).state == "failed"


async def test_a_code_that_has_expired_is_not_sent(posting, server) -> None:
    letter = await post(posting, within=timedelta(minutes=10))
    with clock.travel(seconds=601):
        await send(posting, str(letter.id))
    assert server.letters == []
    assert (await row(posting, letter.id)).failure == "too late"


async def test_a_letter_to_an_erased_person_is_neither_sent_nor_shown(posting, server) -> None:
    letter = await post(posting)
    await posting.vault.erase_person(PLATFORM, letter.person)
    async with posting.db.control() as tx:
        assert await mail.kept(tx, letter.id) is None
        assert letter.id not in {each.id for each in await mail.kept_letters(tx)}
    await send(posting, str(letter.id))
    assert server.letters == []


async def test_address_and_text_are_readable_nowhere(services, installation: Installation) -> None:
    letter = await post(services)
    async with await psycopg.AsyncConnection.connect(installation.data.dsn(ADMIN, DATABASE).psycopg) as admin:
        found = await admin.execute("SELECT m::text FROM mail_message m WHERE id = %s", [letter.id])
        stored = await found.fetchone()
        jobs = await (await admin.execute("SELECT args::text FROM procrastinate_jobs")).fetchall()
    assert stored
    for needle in (letter.address, "123456"):
        assert needle not in stored[0]
        assert needle.encode().hex() not in stored[0]
        assert not any(needle in args for (args,) in jobs)


async def test_old_letters_are_removed(services) -> None:
    letter = await post(services)
    async with services.db.control() as tx:
        await purge(tx)
        assert await tx.session.get(MailMessage, letter.id)
    with clock.travel(days=31):
        async with services.db.control() as tx:
            assert await purge(tx) >= 1
            tx.session.expunge_all()
            assert await tx.session.get(MailMessage, letter.id) is None


def test_production_needs_a_mail_server() -> None:
    with pytest.raises(mail.NoMailServer):
        mail.Postbox.of(None, "a@namuna.example", "namuna.example", production=True)


def test_a_letter_survives_being_stored() -> None:
    letter = compose(TEMPLATE, "en", **CODE)
    assert Letter.parse(letter.stored()) == letter


def test_what_stands_in_a_letter_cannot_become_html() -> None:
    letter = Letter("<b>", "Hello <script>alert(1)</script>\n\nhttps://namuna.example/x\n")
    assert "<script" not in letter.html()
    assert [block.kind for block in letter.blocks()] == ["text", "link"]
