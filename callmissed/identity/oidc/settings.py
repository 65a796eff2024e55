"""What the operator's file says about a provider."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One `[[provider]]`: name (in addresses), title (on buttons), issuer, client_id, client_secret.

    `button`: offered to everybody at sign-in; otherwise only to workspaces that send their domain there.
    `verified_claim`: where the provider says that it has checked the e-mail address (Microsoft Entra: xms_edov).
    `seconds`: how long we wait for an answer.
    """

    name: str
    title: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    button: bool = True
    verified_claim: str = "email_verified"
    seconds: float = 8.0

    @property
    def host(self) -> str:
        """The issuer's host."""
        return urlsplit(self.issuer).hostname or ""


def read_file(path: Path, *, laptop: bool) -> list[ProviderSettings]:
    """Every provider of the file. Raises ValueError or KeyError, naming what is wrong, for a file that cannot be used."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    found = [_entry(each, laptop=laptop) for each in document.get("provider", [])]
    if len({each.name for each in found}) != len(found):
        reason = f"{path}: two providers have the same name"
        raise ValueError(reason)
    return found


def _entry(entry: Mapping[str, Any], *, laptop: bool) -> ProviderSettings:
    name, issuer = str(entry["name"]), str(entry["issuer"])
    where = urlsplit(issuer)
    local = laptop and where.scheme == "http" and where.hostname in {"localhost", "127.0.0.1", "::1"}
    if not NAME.fullmatch(name):
        reason = f"provider {name!r}: a name is of small letters, digits and hyphens"
        raise ValueError(reason)
    if not where.hostname or where.query or where.fragment or not (where.scheme == "https" or local):
        reason = f"provider {name}: the issuer has to be an https address"
        raise ValueError(reason)
    return ProviderSettings(
        name=name,
        title=str(entry.get("title", name.title())),
        issuer=issuer,
        client_id=str(entry["client_id"]),
        client_secret=str(entry.get("client_secret", "")),
        button=bool(entry.get("button", True)),
        verified_claim=str(entry.get("verified_claim", "email_verified")),
        seconds=float(entry.get("seconds", 8.0)),
    )
