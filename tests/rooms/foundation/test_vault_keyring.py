"""The keyring: private, whole or absent, and what is destroyed is gone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from callmissed.foundation.vault import Keyring, KeyUnavailable, LocalRoot


def test_files_are_private_and_hold_no_raw_key(tmp_path: Path) -> None:
    keyring, tenant = Keyring.local(tmp_path / "ring"), uuid4()
    number = keyring.begin_epoch(tenant, 1)
    keys = [keyring.epoch_key(tenant, number), keyring.index_key(tenant), keyring.secret("pepper")]
    files = [path for path in keyring.directory.rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in files:
        assert path.stat().st_mode & 0o077 == 0
        assert not any(key in path.read_bytes() or key.hex().encode() in path.read_bytes() for key in keys)
    assert keyring.directory.stat().st_mode & 0o077 == 0


def test_keys_stay_the_same_across_processes_and_differ_by_tenant(tmp_path: Path) -> None:
    tenant = uuid4()
    first = Keyring.local(tmp_path).index_key(tenant)
    again = Keyring.local(tmp_path)
    assert again.index_key(tenant) == first
    assert again.index_key(uuid4()) != first
    assert again.secret("a") != again.secret("b")


def test_a_root_open_to_others_is_refused(tmp_path: Path) -> None:
    Keyring.local(tmp_path)
    (tmp_path / "root.key").chmod(0o640)
    with pytest.raises(KeyUnavailable):
        Keyring.local(tmp_path)


def test_a_lost_root_is_not_silently_replaced(tmp_path: Path) -> None:
    Keyring.local(tmp_path).begin_epoch(uuid4(), 1)
    (tmp_path / "root.key").unlink()
    with pytest.raises(KeyUnavailable):
        Keyring.local(tmp_path)


def test_a_key_file_put_in_anothers_place_does_not_open(tmp_path: Path) -> None:
    keyring, one, other = Keyring.local(tmp_path), uuid4(), uuid4()
    for tenant in (one, other):
        keyring.begin_epoch(tenant, 1)
    folder = tmp_path / "tenant"
    (folder / str(one) / "epoch-00000001.key").replace(folder / str(other) / "epoch-00000001.key")
    with pytest.raises(KeyUnavailable):
        keyring.epoch_key(other, 1)


def test_a_destroyed_epoch_is_overwritten_before_it_is_removed(tmp_path: Path) -> None:
    keyring, tenant = Keyring.local(tmp_path), uuid4()
    keyring.begin_epoch(tenant, 1)
    path = tmp_path / "tenant" / str(tenant) / "epoch-00000001.key"
    before = path.read_bytes()
    witness = tmp_path / "witness"
    os.link(path, witness)  # the same bytes on disk under a second name
    keyring.end_epoch(tenant, 1)
    keyring.end_epoch(tenant, 1)
    assert not path.exists()
    assert witness.read_bytes() != before
    assert keyring.epochs(tenant) == []
    with pytest.raises(KeyUnavailable):
        keyring.epoch_key(tenant, 1)


def test_a_half_written_file_is_never_seen(tmp_path: Path) -> None:
    keyring, tenant = Keyring.local(tmp_path), uuid4()
    keyring.begin_epoch(tenant, 1)
    (tmp_path / "tenant" / str(tenant) / ".epoch-00000002.key.abc").write_bytes(b"")  # a crash while writing
    assert keyring.epochs(tenant) == [1]
    assert keyring.begin_epoch(tenant, 2) == 2


def test_many_processes_agree_on_a_first_key(tmp_path: Path) -> None:
    tenant = uuid4()
    rings = [Keyring.local(tmp_path) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda ring: ring.index_key(tenant), rings))
    assert len(keys) == 1


def test_a_renewed_root_opens_everything_and_makes_leftovers_useless(tmp_path: Path) -> None:
    keyring, tenant = Keyring.local(tmp_path), uuid4()
    other_process = Keyring.local(tmp_path)
    keyring.begin_epoch(tenant, 1)
    keys = (keyring.epoch_key(tenant, 1), keyring.index_key(tenant), keyring.secret("pepper"))
    leftover = (tmp_path / "tenant" / str(tenant) / "epoch-00000001.key").read_bytes()
    keyring.renew_root()
    for ring in (keyring, other_process, Keyring.local(tmp_path)):
        assert (ring.epoch_key(tenant, 1), ring.index_key(tenant), ring.secret("pepper")) == keys
    with pytest.raises(KeyUnavailable):
        LocalRoot(tmp_path / "root.key").unwrap(leftover, f"epoch|{tenant}|1")


def test_a_renewal_cut_short_is_repeated(tmp_path: Path) -> None:
    keyring, tenant = Keyring.local(tmp_path), uuid4()
    keyring.begin_epoch(tenant, 1)
    key = keyring.epoch_key(tenant, 1)
    assert isinstance(keyring.root, LocalRoot)
    keyring.root.add()  # and then the power fails
    again = Keyring.local(tmp_path)
    assert again.epoch_key(tenant, 1) == key
    again.renew_root()
    assert Keyring.local(tmp_path).epoch_key(tenant, 1) == key
    assert len((tmp_path / "root.key").read_text().splitlines()) == 1


def test_forgetting_a_tenant_leaves_the_others(tmp_path: Path) -> None:
    keyring, one, other = Keyring.local(tmp_path), uuid4(), uuid4()
    before = [keyring.index_key(tenant) for tenant in (one, other)]
    keyring.begin_epoch(one, 1)
    keyring.forget(one)
    assert keyring.tenants() == [other]
    assert keyring.index_key(other) == before[1]
    assert keyring.was_erased(one)
    assert not keyring.was_erased(other)
    for make in (keyring.index_key, lambda tenant: keyring.begin_epoch(tenant, 2)):
        with pytest.raises(KeyUnavailable):  # a restored backup gets no keys
            make(one)
