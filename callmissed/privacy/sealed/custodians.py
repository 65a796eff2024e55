"""Custodians: people who each keep one age identity offline. Any two of them together open what was sealed, one alone nothing.

For each pair the text is encrypted twice, one inside the other (age-encryption.org/v1, X25519), to one of the two each time.
The installation holds their recipients, which only encrypt.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import pyrage
from pyrage import DecryptError, IdentityError, RecipientError, decrypt, encrypt

from callmissed.foundation.problems import Invalid, Problem

FEWEST, MOST = 2, 7
DEMO_NAMES = ("demo-1", "demo-2")
DEMO_TEXT = (
    "# A demonstration custodian. Both keys lie on this machine, so they keep nothing from whoever runs it."
)


class CustodiansUnusable(Invalid):
    """Custodians are written as name=age1…, name=age1…: two to seven, each name and each recipient once."""

    code = "custodians_unusable"


class CustodiansMissing(Problem):
    """Law makes us keep registrations sealed, and nobody keeps the keys: set CALLMISSED_CUSTODIANS to two recipients or more."""

    code = "custodians_missing"


class IdentityUnusable(Invalid):
    """This file holds no age identity."""

    code = "identity_unusable"


class SameCustodian(Invalid):
    """Two different custodians open a sealed record. These two identities are the same one."""

    code = "same_custodian"


class NotForThem(Invalid):
    """These two custodians cannot open this file: it was sealed for others, or it was changed."""

    code = "not_for_these_custodians"


@dataclass(frozen=True, slots=True)
class Custodians:
    """Names and recipients. `demo` says that their identities lie on this machine too. None at all where nobody is named."""

    people: Mapping[str, str] = field(default_factory=dict[str, str])
    demo: bool = False

    @classmethod
    def parse(cls, written: str) -> "Custodians":
        """Those of a setting, none of an empty one. Raises CustodiansUnusable."""
        pairs = [each.partition("=") for each in written.split(",") if each.strip()]
        people = {name.strip(): recipient.strip() for name, _, recipient in pairs}
        if not pairs:
            return cls()
        if len(people) != len(pairs) or len(set(people.values())) != len(pairs):
            raise CustodiansUnusable
        if not FEWEST <= len(people) <= MOST or not all(people):
            raise CustodiansUnusable
        for recipient in people.values():
            _recipient(recipient)
        return cls(people)

    @classmethod
    def demonstration(cls, directory: Path) -> "Custodians":
        """Two whose identities are made in this directory on first use: for a laptop, where they keep nothing secret."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls({name: _demo_recipient(directory / f"{name}.age") for name in DEMO_NAMES}, demo=True)

    def seal(self, text: bytes) -> bytes:
        """The text for any two of them. Raises CustodiansMissing where there are none."""
        if len(self.people) < FEWEST:
            raise CustodiansMissing
        pairs = [
            {"of": [one, other], "age": base64.b64encode(self._twice(text, one, other)).decode()}
            for one, other in combinations(sorted(self.people), 2)
        ]
        return json.dumps({"v": 1, "pairs": pairs}).encode()

    def _twice(self, text: bytes, one: str, other: str) -> bytes:
        inner = encrypt(text, [_recipient(self.people[one])])
        return encrypt(inner, [_recipient(self.people[other])])


def new_identity() -> tuple[str, str]:
    """The identity of a new custodian, which they keep offline, and its recipient."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())


def open_with(sealed: bytes, identities: Sequence[str]) -> bytes:
    """What two custodians open together. Raises IdentityUnusable, SameCustodian and NotForThem."""
    keys = [_identity(each) for each in identities]
    if len({str(key.to_public()) for key in keys}) != FEWEST:
        raise SameCustodian
    try:
        pairs = [base64.b64decode(each["age"], validate=True) for each in json.loads(sealed)["pairs"]]
    except (ValueError, KeyError, TypeError) as wrong:
        raise NotForThem from wrong
    for pair in pairs:
        for first, second in ((keys[0], keys[1]), (keys[1], keys[0])):
            try:
                return decrypt(decrypt(pair, [first]), [second])
            except DecryptError:
                continue
    raise NotForThem


def _recipient(written: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(written)
    except RecipientError as wrong:
        raise CustodiansUnusable from wrong


def _identity(text: str) -> pyrage.x25519.Identity:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        [line] = lines
        return pyrage.x25519.Identity.from_str(line)
    except (ValueError, IdentityError) as wrong:
        raise IdentityUnusable from wrong


def _demo_recipient(path: Path) -> str:
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(f"{DEMO_TEXT}\n{new_identity()[0]}\n")
    return str(_identity(path.read_text(encoding="utf-8")).to_public())
