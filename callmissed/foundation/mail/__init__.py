"""Mail: written in the transaction that needs it, sent by a job after the commit.

A letter is one text template of the room that sends it; its HTML form is drawn from the same text. Recipient and text
are sealed under the person's key, and the text is dropped once the mail server has taken it. Without a mail server, and
outside production, letters stay here and are read on the outbox page.
"""

from callmissed.foundation.mail.carriers import NoMailServer, Postbox
from callmissed.foundation.mail.letters import Block, Letter, compose, declare_site, declare_templates
from callmissed.foundation.mail.service import RETENTION_CLASS, Kept, kept, kept_letters, queue

__all__ = [
    "RETENTION_CLASS",
    "Block",
    "Kept",
    "Letter",
    "NoMailServer",
    "Postbox",
    "compose",
    "declare_site",
    "declare_templates",
    "kept",
    "kept_letters",
    "queue",
]
