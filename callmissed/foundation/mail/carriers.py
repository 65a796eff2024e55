"""Who carries the mail: a mail server, or on a laptop nobody, and the letter stays in the outbox."""

import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from callmissed.foundation import clock, egress
from callmissed.foundation.problems import Problem

SECONDS = 30
"""How long a mail server may take over one letter."""

Outcome = Literal["sent", "outbox"]


class Undeliverable(Problem):
    """The mail server refused this letter for good."""

    status = 502
    code = "mail_undeliverable"


class Delayed(Problem):
    """The mail server could not take this letter now. It will be tried again."""

    status = 503
    code = "mail_delayed"


class NoMailServer(Problem):
    """Nobody could sign in: set CALLMISSED_SMTP_URL to a mail server."""

    status = 503
    code = "no_mail_server"


class Carrier(Protocol):
    """Takes a letter somewhere. Raises Undeliverable when it never will, Delayed when it may later."""

    async def send(self, message: EmailMessage) -> Outcome:
        """Take the letter; says where it ended."""
        ...


@dataclass(frozen=True, slots=True)
class Outbox:
    """The carrier of a laptop: letters stay in the database and are read on the outbox page."""

    async def send(self, message: EmailMessage) -> Outcome:
        """Leave it where it is."""
        del message
        return "outbox"


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server by URL: `smtps://user:password@host:465`, or `smtp://host:25` with STARTTLS where it is offered."""

    url: str

    async def send(self, message: EmailMessage) -> Outcome:
        """Hand the letter over. Raises Undeliverable and Delayed, whose texts never name the address."""
        parts = urlsplit(self.url)
        secure = parts.scheme == "smtps"
        port = parts.port or (465 if secure else 25)
        try:
            egress.REGISTER.admit(parts.hostname or "", port)
            await aiosmtplib.send(
                message,
                hostname=parts.hostname,
                port=port,
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                use_tls=secure,
                timeout=SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            worst = max((each.code for each in refused.recipients), default=0)
            raise (Undeliverable if worst >= 500 else Delayed)(code=worst) from None
        except aiosmtplib.SMTPResponseException as answer:
            # A refused login is the operator's to mend, not the reader's: the letter waits.
            final = answer.code >= 500 and not isinstance(answer, aiosmtplib.SMTPAuthenticationError)
            raise (Undeliverable if final else Delayed)(code=answer.code) from None
        except (aiosmtplib.SMTPException, ssl.SSLError, OSError, egress.UnknownDestination) as failure:
            raise Delayed(kind=type(failure).__name__) from None
        return "sent"


@dataclass(frozen=True, slots=True)
class Postbox:
    """Where this installation posts its letters. One per process, offered in the services."""

    carrier: Carrier
    sender: str
    host: str

    @classmethod
    def of(cls, smtp_url: str | None, sender: str, host: str, *, production: bool) -> "Postbox":
        """The mail server of the settings, or on a laptop the outbox. `host` makes message ids ours.

        Raises NoMailServer in production without one.
        """
        if production and not smtp_url:
            raise NoMailServer
        return cls(MailServer(smtp_url) if smtp_url else Outbox(), sender, host)

    @property
    def keeps_letters(self) -> bool:
        """Whether letters stay in the outbox instead of leaving."""
        return isinstance(self.carrier, Outbox)

    def envelope(self, message_id: str, recipient: str) -> EmailMessage:
        """An empty message to one address. The same id each time, so that a receiver drops a second copy."""
        message = EmailMessage()
        message["From"] = formataddr(parseaddr(self.sender))
        message["To"] = recipient
        message["Date"] = format_datetime(clock.now())
        message["Message-ID"] = f"<{message_id}@{self.host}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
        return message
