"""The tree and its proofs, against the vectors of RFC 6962's reference implementation and against each other."""

import pytest

from callmissed.foundation.audit.tree import Tree
from callmissed.foundation.audit.verify import (
    EMPTY,
    Frontier,
    NotCanonical,
    canonical,
    hash_leaf,
    is_consistent,
    root_by_inclusion,
)

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [hash_leaf(bytes([number])) for number in range(40)]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    hashes = [hash_leaf(leaf) for leaf in LEAVES[:size]]
    frontier = Frontier()
    for each in hashes:
        frontier.append(each)
    assert Tree(hashes).root().hex() == ROOTS[size]
    assert frontier.root().hex() == ROOTS[size]
    assert frontier.size == size


def test_proofs_are_those_of_the_reference() -> None:
    tree = Tree([hash_leaf(leaf) for leaf in LEAVES])
    assert [step.hex() for step in tree.inclusion(0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [step.hex() for step in tree.consistency(6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", range(1, 41))
def test_every_leaf_is_provable_in_every_tree_and_nowhere_else(size: int) -> None:
    tree = Tree(HASHES[:size])
    for index in range(size):
        proof = tree.inclusion(index)
        assert root_by_inclusion(HASHES[index], index, size, proof) == tree.root()
        assert root_by_inclusion(b"x" * 32, index, size, proof) != tree.root()
        if size > 1:
            assert root_by_inclusion(HASHES[index], (index + 1) % size, size, proof) != tree.root()
            assert root_by_inclusion(HASHES[index], index, size, proof[:-1]) != tree.root()
        assert root_by_inclusion(HASHES[index], index, size, [*proof, HASHES[0]]) != tree.root()
    assert root_by_inclusion(HASHES[0], size, size, []) is None


@pytest.mark.parametrize("size", range(1, 41))
def test_every_tree_continues_every_smaller_one_and_no_other(size: int) -> None:
    tree = Tree(HASHES)
    root = tree.root(size)
    for old in range(1, size + 1):
        proof = tree.consistency(old, size)
        assert is_consistent(old, tree.root(old), size, root, proof)
        assert not is_consistent(old, b"x" * 32, size, root, proof)
        assert not is_consistent(old, tree.root(old), size, b"x" * 32, proof)
        if proof:
            assert not is_consistent(old, tree.root(old), size, root, proof[:-1])
            assert not is_consistent(old, tree.root(old), size, root, [*proof, HASHES[0]])
    assert is_consistent(0, EMPTY, size, root, [])
    assert not is_consistent(size + 1, root, size, root, [])


def test_canonical_json_is_that_of_rfc_8785() -> None:
    value = {
        "\u20ac": "Euro",
        "\r": "Return",
        "\ufb33": "Dalet",
        "1": "One",
        "\U0001f600": "Smiley",
        "\x80": "Control",
        "ö": "O",
    }
    assert canonical(value).decode() == (
        '{"\\r":"Return","1":"One","\x80":"Control","ö":"O","€":"Euro","\U0001f600":"Smiley","\ufb33":"Dalet"}'
    )
    assert canonical({"b": [None, True, -1], "a": '€$\x0f\nA\'B"\\\\"/'}).decode() == (
        '{"a":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/","b":[null,true,-1]}'
    )


@pytest.mark.parametrize(
    "value", [1.5, 2**53, {1: "a"}, {"a": b"bytes"}, [object()], {"a": {"b": float("nan")}}]
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)
