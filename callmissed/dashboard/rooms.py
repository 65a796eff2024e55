"""The rooms of a workspace as its sidebar names them: each with the permission that opens it, so that nobody is shown a closed door."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callmissed.foundation.i18n import t


@dataclass(frozen=True, slots=True)
class Room:
    """One entry: `name` is what pages call `active`, `key` follows G on the keyboard, `group` is the heading above it.

    `permission` is the one its page asks for; None where everybody signed in may come.
    """

    name: str
    href: str
    icon: str
    label: str
    key: str
    permission: str | None
    group: str = ""


def all_rooms() -> Sequence[Room]:
    """Every room, in the sidebar's order and the reader's language."""
    build, account = t("Build"), t("Account")
    return (
        Room("inbox", "/app/inbox", "inbox", t("Inbox"), "i", "inbox.read"),
        Room("bots", "/app/bots", "message-chatbot", t("Bots"), "b", "bots.read"),
        Room("knowledge", "/app/knowledge", "books", t("Knowledge"), "n", "knowledge.read"),
        Room("playground", "/app/playground", "terminal-2", t("Playground"), "y", "playground.use", build),
        Room("usage", "/app/usage", "chart-bar", t("Usage"), "u", "usage.read", build),
        Room("requests", "/app/requests", "list-check", t("Requests"), "r", "usage.read", build),
        Room("models", "/app/models", "sparkles", t("Models"), "m", "usage.read", build),
        Room("keys", "/app/keys", "key", t("API keys"), "k", "keys.read", build),
        Room("wallet", "/app/wallet", "wallet", t("Wallet"), "w", "billing.read", account),
        Room("privacy", "/app/privacy", "shield-check", t("Privacy"), "p", None, account),
        Room("transfers", "/app/transfers", "map-pin", t("Data in India"), "d", "privacy.read", account),
        Room("team", "/app/team", "users", t("Team"), "t", "team.read", account),
        Room("audit", "/app/audit", "history", t("Audit log"), "a", "audit.read", account),
        Room("staff-access", "/app/staff-access", "eye", t("Operator's staff"), "o", "privacy.read", account),
    )


def open_rooms(may: Callable[[str], bool]) -> list[Room]:
    """The rooms that this caller may enter."""
    return [room for room in all_rooms() if room.permission is None or may(room.permission)]


def first_room(may: Callable[[str], bool]) -> str:
    """Where this caller begins: the first room that is theirs, or their own account."""
    return next((room.href for room in open_rooms(may) if room.permission), "/app/account")
