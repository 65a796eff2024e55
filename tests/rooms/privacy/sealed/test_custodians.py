"""Any two custodians together, never one alone."""

import base64
import json
from itertools import combinations
from pathlib import Path

import pyrage
import pytest

from callmissed.privacy.sealed import (
    Custodians,
    CustodiansMissing,
    CustodiansUnusable,
    IdentityUnusable,
    NotForThem,
    SameCustodian,
    new_identity,
    open_with,
)

TEXT = b'{"email": "asha@namuna.example"}'
MADE = {name: new_identity() for name in ("asha", "meera", "ravi")}
WRITTEN = ", ".join(f"{name}={recipient}" for name, (_, recipient) in MADE.items())


def test_every_pair_opens_it_in_either_order_and_nobody_alone() -> None:
    sealed = Custodians.parse(WRITTEN).seal(TEXT)
    assert b"asha@namuna" not in sealed
    for one, other in combinations((identity for identity, _ in MADE.values()), 2):
        assert open_with(sealed, [one, other]) == TEXT
        assert open_with(sealed, [other, one]) == TEXT
        for wrong in ([one], [one, one], [one, f"# the same\n{one}\n"], []):
            with pytest.raises(SameCustodian):
                open_with(sealed, wrong)
        with pytest.raises(NotForThem):
            open_with(sealed, [one, new_identity()[0]])


def test_one_layer_is_not_the_text() -> None:
    """Whoever has one identity takes every layer off that it opens, and still has no word of it."""

    sealed = json.loads(Custodians.parse(WRITTEN).seal(TEXT))

    for identity, _ in MADE.values():
        key = pyrage.x25519.Identity.from_str(identity)
        for pair in sealed["pairs"]:
            try:
                inner = pyrage.decrypt(base64.b64decode(pair["age"]), [key])
            except pyrage.DecryptError:
                continue
            assert TEXT not in inner
            with pytest.raises(pyrage.DecryptError):
                pyrage.decrypt(inner, [key])


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(f"asha={MADE['asha'][1]}", id="one alone"),
        pytest.param(f"asha={MADE['asha'][1]}, ravi={MADE['asha'][1]}", id="one twice"),
        pytest.param(f"asha={MADE['asha'][1]}, asha={MADE['ravi'][1]}", id="one name"),
        pytest.param(f"asha={MADE['asha'][1]}, ravi=age1namuna", id="no recipient"),
        pytest.param(f"asha={MADE['asha'][0]}, ravi={MADE['ravi'][0]}", id="identities"),
        pytest.param(f"={MADE['asha'][1]}, ravi={MADE['ravi'][1]}", id="nameless"),
    ],
)
def test_custodians_that_would_not_be_two_are_refused(written: str) -> None:
    with pytest.raises(CustodiansUnusable):
        Custodians.parse(written)


def test_nothing_is_sealed_for_nobody() -> None:
    with pytest.raises(CustodiansMissing):
        Custodians.parse("").seal(TEXT)


@pytest.mark.parametrize("wrong", [b"", b"[]", b"{}", b'{"pairs": [{"age": "?"}]}', b'{"pairs": [{}]}'])
def test_a_file_that_is_none_is_refused(wrong: bytes) -> None:
    with pytest.raises(NotForThem):
        open_with(wrong, [MADE["asha"][0], MADE["ravi"][0]])


def test_an_identity_that_is_none_is_refused() -> None:
    with pytest.raises(IdentityUnusable):
        open_with(b"{}", ["namuna", MADE["ravi"][0]])


def test_a_laptop_makes_its_own_and_says_so(tmp_path: Path) -> None:
    made = Custodians.demonstration(tmp_path / "custodians")
    assert made.demo
    assert Custodians.demonstration(tmp_path / "custodians") == made
    files = sorted((tmp_path / "custodians").iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
    texts = [file.read_text() for file in files]
    assert all("Both keys lie on this machine" in each for each in texts)
    assert open_with(made.seal(TEXT), texts) == TEXT
