"""A reader's browser verifies a leaf by itself, and sees each kind of forgery. The proof is made by the real log's code."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Route

from callmissed.foundation.audit.tree import Tree
from callmissed.foundation.audit.verify import Checkpoint, PublicKey, digest_of, entry_hash
from tests.browser.stage import Stage, stage

TENANT = "0192f4c1-77aa-7be2-9c1f-3a61c70e9f3a"
ORIGIN = "callmissed/audit"


@pytest.fixture(scope="module")
def shown() -> Iterator[Stage]:
    """The stage, once for this file."""
    with stage() as made:
        yield made


def parts(position: int = 5, size: int = 11) -> dict[str, Any]:
    """What the server delivers for the leaf at `position`, from a log of `size` leaves."""
    secret = Ed25519PrivateKey.generate()
    key = PublicKey(ORIGIN, secret.public_key().public_bytes_raw())
    records = [
        {"v": 1, "tenant": TENANT, "action": "जाँच", "body": {"n": n, "a": [None, True]}} for n in range(size)
    ]
    tree = Tree([entry_hash(UUID(TENANT), n + 1, digest_of(record)) for n, record in enumerate(records)])
    said = Checkpoint(ORIGIN, size, tree.root(), "2026-11-24T00:00:00.000000Z").text()
    signature = base64.b64encode(key.id + secret.sign(said.encode())).decode()
    return {
        "record": records[position],
        "tenant": TENANT,
        "sequence": position + 1,
        "position": position,
        "proof": [step.hex() for step in tree.inclusion(position)],
        "note": f"{said}\n— {ORIGIN} {signature}\n",
        "public_key": str(key),
    }


def verdict(shown: Stage, delivered: dict[str, Any]) -> str:
    """What the page says after the button was pressed."""

    def deliver(route: Route) -> None:
        route.fulfill(body=json.dumps(delivered), content_type="application/json")

    with shown.page("privacy") as (page, wrong):
        page.route("**/privacy/evidence/**", deliver)
        page.click("#keep\\.usage-logs > summary")
        page.click("#keep\\.usage-logs [data-verify]")
        output = page.locator("#keep\\.usage-logs output")
        output.filter(has_text=" ").wait_for()
        assert wrong == []
        return output.inner_text()


@pytest.mark.parametrize(("position", "size"), [(0, 1), (5, 11), (10, 11), (7, 8)])
def test_true_proof_matches(shown: Stage, position: int, size: int) -> None:
    assert "the signature match" in verdict(shown, parts(position, size))


@pytest.mark.parametrize("forged", ["record", "proof", "position", "note", "public_key", "sequence"])
def test_forgery_is_seen(shown: Stage, forged: str) -> None:
    other = parts(4, 9)
    delivered = {**parts(), forged: other[forged]}
    assert "do not match" in verdict(shown, delivered)


def test_every_verifier_key_can_be_read_back() -> None:
    """Half of all keys have a plus in their base64, the sign that also parts a written key."""
    with_plus = next(
        key for n in range(256) if "+" in str(key := PublicKey(ORIGIN, bytes([n] * 32))).split("+", 2)[2]
    )
    assert PublicKey.parse(str(with_plus)) == with_plus
