"""Verify an exported audit log offline. Needs this file, Python and `cryptography`; nothing of the installation.

    python verify.py export.jsonl --key 'callmissed/audit+1a2b3c4d+AZ…' --earlier checkpoint.txt

The log is a Merkle tree (RFC 6962 §2.1). A leaf's entry is tenant (16 bytes) ‖ the tenant's running number (8 bytes) ‖
SHA-256 of the record in canonical JSON (RFC 8785). Checkpoints are signed notes (C2SP tlog-checkpoint, Ed25519).
What is checked: signatures; every checkpoint's root over the entries before it; each record against its entry; that no
number of a tenant is missing; and that the log still contains the checkpoint you kept from an earlier day.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXACT = 2**53 - 1
"""The largest whole number that every JSON reader agrees on (RFC 8785 §3.2.2.3)."""

EMPTY = sha256(b"").digest()
"""The root of a log without leaves."""


class NotCanonical(ValueError):
    """A value has no canonical form here; the message says why."""


class BadNote(ValueError):
    """A checkpoint is not signed by the expected key, or not written as one."""


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785) of text, whole numbers, truth values, None, lists and maps. Raises NotCanonical."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def _ordered(value: Any) -> Any:
    if value is None or isinstance(value, bool | str) or (isinstance(value, int) and abs(value) <= EXACT):
        return value
    if isinstance(value, list | tuple):
        return [_ordered(each) for each in cast("Sequence[Any]", value)]
    if isinstance(value, dict):
        pairs = [(_named(key), each) for key, each in cast("dict[Any, Any]", value).items()]
        return {
            key: _ordered(each) for key, each in sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be"))
        }
    raise NotCanonical("no float, no number above 2^53, nothing but JSON")


def _named(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise NotCanonical("a key that is no text")


def digest_of(record: dict[str, Any]) -> bytes:
    """SHA-256 of a record in canonical JSON."""
    return sha256(canonical(record)).digest()


def entry_hash(tenant: UUID, sequence: int, digest: bytes) -> bytes:
    """The hash of a leaf's entry in the tree."""
    return hash_leaf(tenant.bytes + sequence.to_bytes(8) + digest)


def hash_leaf(data: bytes) -> bytes:
    """A leaf's hash: behind a 0 byte (RFC 6962 §2.1)."""
    return sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """RFC 6962 §2.1: inner nodes are hashed behind a 1 byte."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """The right edge of a growing tree: the roots of its full subtrees, largest first. All that is needed to go on."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list[bytes])

    def append(self, leaf_hash: bytes) -> None:
        """Add a leaf at the end."""
        self.peaks.append(leaf_hash)
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            right = self.peaks.pop()
            self.peaks[-1] = hash_node(self.peaks[-1], right)
            rest //= 2

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.peaks:
            return EMPTY
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = hash_node(peak, root)
        return root


def root_by_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a proof of inclusion leads to, or None when its length is wrong (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return None
    place, last, root = index, size - 1, leaf_hash
    for step in proof:
        if last == 0:
            return None
        if place % 2 or place == last:
            root = hash_node(step, root)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            root = hash_node(root, step)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` begins with the tree of `old_size` (RFC 9162 §2.1.4.2)."""
    if old_size in {0, size}:
        return not proof and old_root == (root if old_size else EMPTY)
    if not 0 < old_size < size:
        return False
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    place, last = old_size - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            old, new = hash_node(step, old), hash_node(step, new)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            new = hash_node(new, step)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == root


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log once said of itself: how long it was, its root, and when (ISO 8601, UTC)."""

    origin: str
    size: int
    root: bytes
    at: str

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\ntime {self.at}\n"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A verifier key of a signed note: `<name>+<id>+<base64(1 ‖ Ed25519 public key)>`."""

    name: str
    raw: bytes

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Read the written form. Raises BadNote."""
        try:
            name, shown, encoded = text.strip().split(
                "+", 2
            )  # base64 may hold a plus of its own, a name may not
            data = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise BadNote("this is no verifier key") from error
        key = cls(name, data[1:])
        if len(data) != 33 or data[0] != 1 or key.id.hex() != shown:
            raise BadNote("this is no Ed25519 verifier key, or its id is wrong")
        return key

    @property
    def id(self) -> bytes:
        """Four bytes that tell which key signed (C2SP signed-note)."""
        return sha256(self.name.encode() + b"\n\x01" + self.raw).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(b"\x01" + self.raw).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


def read_note(note: str, key: PublicKey | None) -> Checkpoint:
    """The checkpoint in a note, once its signature holds. Raises BadNote."""
    if key is None:
        raise BadNote("there is no key to verify it with")
    text, _, signatures = note.partition("\n\n")
    try:
        origin, size, root, time = text.split("\n")
        checkpoint = Checkpoint(
            origin, int(size), base64.b64decode(root, validate=True), time.removeprefix("time ")
        )
        for line in signatures.splitlines():
            _, name, encoded = line.split(" ")
            data = base64.b64decode(encoded, validate=True)
            if name == key.name == origin and data[:4] == key.id:
                Ed25519PublicKey.from_public_bytes(key.raw).verify(data[4:], (text + "\n").encode())
                return checkpoint
    except (ValueError, InvalidSignature) as error:
        raise BadNote("the signature does not hold") from error
    raise BadNote("not signed by the expected key")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: its kind, and where."""

    kind: str
    where: str


@dataclass(slots=True)
class Report:
    """What was verified, and what was found wrong. Nothing found means the log is as it was signed."""

    tenant: str | None = None
    leaves: int = 0
    checkpoints: int = 0
    newest: Checkpoint | None = None
    findings: list[Finding] = field(default_factory=list[Finding])

    def add(self, kind: str, where: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(kind, where))


class Reading:
    """One pass over the lines of an export: `take` each, then `close`."""

    def __init__(self, key: PublicKey | None = None, earlier: str | None = None) -> None:
        self.report = Report()
        self.key = key
        self.earlier_note = earlier
        self.earlier: Checkpoint | None = None
        self.frontier = Frontier()
        self.sequences: dict[str, int] = {}
        self.joined = False
        self.ended = False

    def take(self, text: str) -> None:
        """Read the next line."""
        readers = {"log": self._log, "checkpoint": self._checkpoint, "leaf": self._leaf}
        readers |= {"consistency": self._consistency, "end": self._end}
        try:
            line: dict[str, Any] = json.loads(text)
            readers[line["kind"]](line)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            self.report.add("unreadable", f"{text[:40]}…: {type(error).__name__}")

    def _log(self, line: dict[str, Any]) -> None:
        self.report.tenant = line["tenant"]
        self.key = self.key or PublicKey.parse(line["public_key"])
        if self.earlier_note:
            try:
                self.earlier = read_note(self.earlier_note, self.key)
            except BadNote as error:
                self.report.add("forged", f"earlier checkpoint: {error}")

    def _checkpoint(self, line: dict[str, Any]) -> None:
        self.report.checkpoints += 1
        try:
            checkpoint = read_note(line["note"], self.key)
        except BadNote as error:
            self.report.add("forged", f"checkpoint {self.report.checkpoints}: {error}")
            return
        newest = self.report.newest
        if newest and (checkpoint.size, checkpoint.at) < (newest.size, newest.at):
            self.report.add("reordered", f"checkpoint of size {checkpoint.size} after one of {newest.size}")
        self.report.newest = checkpoint
        if self.report.tenant is None:
            self._against_entries(checkpoint)

    def _against_entries(self, checkpoint: Checkpoint) -> None:
        """In an export of the whole log the entries stand before their checkpoint, and must lead to its root."""
        if self.frontier.size != checkpoint.size:
            self.report.add(
                "missing", f"{self.frontier.size} entries before the checkpoint of {checkpoint.size}"
            )
        elif self.frontier.root() != checkpoint.root:
            self.report.add(
                "changed", f"the entries before size {checkpoint.size} are not those that were signed"
            )

    def _leaf(self, line: dict[str, Any]) -> None:
        add, where = self.report.add, f"position {line['position']}"
        self.report.leaves += 1
        tenant, sequence, digest = line["tenant"], line["sequence"], bytes.fromhex(line["digest"])
        before, self.sequences[tenant] = self.sequences.get(tenant, 0), sequence
        if sequence != before + 1:
            add("missing", f"{where}: number {sequence} of {tenant} comes after {before}")
        if line["record"] is None:
            add("missing", f"{where}: the record is gone")
        elif digest_of(line["record"]) != digest or line["record"]["tenant"] != tenant:
            add("changed", f"{where}: the record is not the one that was sealed")
        leaf_hash = entry_hash(UUID(tenant), sequence, digest)
        if self.report.tenant is not None:
            self._included(line, leaf_hash, where)
            return
        if line["position"] != self.frontier.size:
            add("reordered", f"{where} stands where {self.frontier.size} belongs")
        self.frontier.append(leaf_hash)
        if self.earlier and self.frontier.size == self.earlier.size:
            self.joined = self.frontier.root() == self.earlier.root

    def _included(self, line: dict[str, Any], leaf_hash: bytes, where: str) -> None:
        newest, proof = self.report.newest, [bytes.fromhex(step) for step in line["proof"]]
        if line["tenant"] != self.report.tenant:
            self.report.add("changed", f"{where}: a leaf of another tenant")
        if (
            newest is None
            or root_by_inclusion(leaf_hash, line["position"], newest.size, proof) != newest.root
        ):
            self.report.add("changed", f"{where}: not in the signed tree")

    def _consistency(self, line: dict[str, Any]) -> None:
        newest, proof = self.report.newest, [bytes.fromhex(step) for step in line["proof"]]
        old = self.earlier
        if old and newest and line["from"] == old.size:
            self.joined = is_consistent(old.size, old.root, newest.size, newest.root, proof)

    def _end(self, line: dict[str, Any]) -> None:
        self.ended = True
        if line["leaves"] != self.report.leaves:
            self.report.add("missing", f"{line['leaves']} leaves announced, {self.report.leaves} are here")

    def close(self) -> Report:
        """What was found, once the last line is read."""
        newest, earlier, add = self.report.newest, self.earlier, self.report.add
        if newest is None:
            add("missing", "there is no checkpoint to verify against")
        elif self.report.tenant is None and self.frontier.size > newest.size:
            add("missing", f"no checkpoint vouches for the last {self.frontier.size - newest.size} entries")
        if not self.ended:
            add("truncated", "the export stops before its end")
        if earlier and newest and newest.size < earlier.size:
            add("truncated", f"{newest.size} entries, where {earlier.size} were signed before")
        elif earlier and not self.joined:
            add("forked", f"the log does not continue the one signed at size {earlier.size}")
        return self.report


def verify(lines: Iterable[str], key: PublicKey | None = None, earlier: str | None = None) -> Report:
    """Verify the lines of an export. Without `key` the one inside is believed; `earlier` is a note kept from before."""
    reading = Reading(key, earlier)
    for line in lines:
        reading.take(line)
    return reading.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: prints what was verified; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description="Verify an exported audit log offline.")
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", help="the installation's verifier key, from a place you trust")
    parser.add_argument("--earlier", type=Path, help="a checkpoint you kept from an earlier day")
    wanted = parser.parse_args(arguments)
    key = PublicKey.parse(wanted.key) if wanted.key else None
    earlier = wanted.earlier.read_text(encoding="utf-8") if wanted.earlier else None
    with wanted.export.open(encoding="utf-8") as lines:
        report = verify(lines, key, earlier)
    sys.stdout.writelines(f"{line}\n" for line in shown(report, key_given=key is not None))
    return 1 if report.findings else 0


def shown(report: Report, *, key_given: bool) -> Iterator[str]:
    """The report in words, one line each."""
    if not key_given:
        yield "note      the key was taken from the export itself; pass --key to know who signed"
    yield f"verified  {report.leaves} leaves, {report.checkpoints} checkpoints"
    if report.newest:
        yield f"newest    of size {report.newest.size}, signed at {report.newest.at}"
    for finding in report.findings:
        yield f"{finding.kind:<9} {finding.where}"
    yield "the log is as it was signed" if not report.findings else f"{len(report.findings)} findings"


if __name__ == "__main__":
    sys.exit(main())
