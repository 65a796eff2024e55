"""The sealed form: it opens in its place and nowhere else."""

from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from callmissed.foundation.directory import DirectoryEntry
from callmissed.foundation.vault import Box, Tampered
from callmissed.foundation.vault.blob import OVERHEAD, DataKey, column_label, key_id_of, open_blob


def a_box(tenant: UUID | None = None, person: UUID | None = None) -> Box:
    cipher = AESGCM(AESGCM.generate_key(256))
    return Box(DataKey(uuid4(), tenant or uuid4(), person or uuid4(), "conversation", cipher))


@given(st.one_of(st.text(), st.binary()))
def test_what_is_sealed_opens_again(value: str | bytes) -> None:
    box, row = a_box(), uuid4()
    blob = box.seal("message.body", row, value)
    expected = value.encode() if isinstance(value, str) else value
    assert open_blob(box.key, "message.body", row, box.key.person_id, blob) == expected
    assert key_id_of(blob) == box.key_id
    assert len(blob) == len(expected) + OVERHEAD


def test_the_same_text_never_looks_the_same() -> None:
    box, row = a_box(), uuid4()
    assert len({box.seal("message.body", row, "hello") for _ in range(50)}) == 50


@pytest.mark.parametrize("moved", ["tenant", "row", "person", "table", "column"])
def test_a_blob_moved_elsewhere_does_not_open(moved: str) -> None:
    box, row = a_box(), uuid4()
    blob = box.seal("message.body", row, "hello")
    key, column, person = box.key, "message.body", box.key.person_id
    if moved == "tenant":
        key = DataKey(key.id, uuid4(), person, key.retention_class, key.cipher)
    elif moved == "row":
        row = uuid4()
    elif moved == "person":
        person = uuid4()
    else:
        column = "message.note" if moved == "column" else "note.body"
    with pytest.raises(Tampered):
        open_blob(key, column, row, person, blob)


def test_every_changed_byte_is_noticed() -> None:
    box, row = a_box(), uuid4()
    blob = box.seal("message.body", row, "hello")
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1
        with pytest.raises(Tampered):
            open_blob(box.key, "message.body", row, box.key.person_id, bytes(changed))


@pytest.mark.parametrize("blob", [b"", b"plain text of a person", b"\x02" + bytes(80), bytes(OVERHEAD - 1)])
def test_what_is_no_blob_is_refused(blob: bytes) -> None:
    with pytest.raises(Tampered):
        key_id_of(blob)


def test_a_place_is_named_by_attribute_or_text() -> None:
    assert column_label(DirectoryEntry.lookup) == "directory_entry.lookup"
    assert column_label("files.body") == "files.body"
    for wrong in ("body", "a.b.c", ""):
        with pytest.raises(ValueError):
            column_label(wrong)


def test_two_boxes_of_one_person_do_not_open_each_other() -> None:
    one, row = a_box(), uuid4()
    other = a_box(one.key.tenant_id, one.key.person_id)
    with pytest.raises(Tampered):
        open_blob(other.key, "message.body", row, one.key.person_id, one.seal("message.body", row, "x"))
