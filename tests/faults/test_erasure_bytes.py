"""Erased means no byte of it can be read again: not in heap, WAL or key plane, and not from a backup made before.

Real servers, and their files read byte by byte. Each search is shown to find something first, or its silence proves nothing.
"""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callmissed.foundation.ids import uuid7
from callmissed.foundation.postgres import (
    ADMIN,
    KEYS_DATABASE,
    Cluster,
    Dsn,
    ensure_key_roles,
    find_binaries,
)
from callmissed.foundation.vault import Erased, Keyring, SealedValue, Vault, create_key_plane
from callmissed.foundation.vault.blob import key_id_of
from callmissed.foundation.vault.repository import StoredKey
from callmissed.foundation.vault.wrapping import WrongEpochKey, unwrap

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow]

PEOPLE = 60
ERASED = 12
PLAIN = b"PLAIN-CANARY-"
SEALED = b"SEALED-CANARY-"
BODY = "message.body"


@dataclass
class Scene:
    """Two planes with people in them, a backup from before the erasure, and what an intruder had copied by then."""

    home: Path
    data: Cluster
    keys: Cluster
    vault: Vault
    tenant: UUID = field(default_factory=uuid4)
    values: dict[UUID, SealedValue] = field(default_factory=dict)
    gone: list[UUID] = field(default_factory=list)
    stolen: list[StoredKey] = field(default_factory=list)
    raw_keys: list[bytes] = field(default_factory=list)
    old_epoch: bytes = b""

    @property
    def backup(self) -> Path:
        return self.home / "restored" / "data" / "data"


def key_dsn(keys: Cluster) -> Dsn:
    return keys.dsn("cm_keys", KEYS_DATABASE)


@pytest.fixture(scope="module")
def clusters() -> Iterator[tuple[Path, Cluster, Cluster]]:
    home = Path(tempfile.mkdtemp(prefix="cm-bytes-"))
    home.chmod(0o755)
    plain_wal = {"wal_compression": "off"}  # what is searched for must not hide in a compressed page
    data = Cluster(home, "data", memory="data", settings=plain_wal)
    keys = Cluster(home, "keys", memory="keys", settings=plain_wal)
    try:
        with data, keys:
            yield home, data, keys
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
async def scene(clusters: tuple[Path, Cluster, Cluster]) -> AsyncGenerator[Scene]:
    """Everything up to and including the erasure; the tests then look at what is left."""
    home, data, keys = clusters
    await ensure_key_roles(keys.dsn(ADMIN, "postgres"), {"cm_keys": keys.password("cm_keys")})
    await asyncio.to_thread(create_key_plane, key_dsn(keys))
    async with Vault(key_dsn(keys).psycopg, Keyring.local(home / "keyring")) as vault:
        made = Scene(home, data, keys, vault)
        await write_people(made)
        back_up(made)
        await copy_the_keys(made)
        await vault.erase_people(made.tenant, made.gone)
        await delete_rows(made)
        yield made


async def write_people(scene: Scene) -> None:
    """Seal a text for each person, and write each a second time so that there are dead rows too."""
    async with await psycopg.AsyncConnection.connect(scene.data.dsn(ADMIN, "postgres").psycopg) as connection:
        await connection.execute(
            "CREATE TABLE message (id uuid PRIMARY KEY, person_id uuid, body bytea, plain text)"
        )
        for number in range(PEOPLE):
            person, row = uuid4(), uuid7()
            box = await scene.vault.person(scene.tenant, person, "conversation")
            for version in ("draft", "final"):
                text = SEALED + f"{number}-{version}".encode()
                value = SealedValue(BODY, row, person, box.seal(BODY, row, text))
                await connection.execute(
                    "INSERT INTO message VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                    (row, person, value.blob),
                )
                scene.values[person] = value
        await connection.execute(
            "UPDATE message SET plain = %s", (PLAIN.decode(),)
        )  # what sealing saves us from
    scene.gone = list(scene.values)[:ERASED]


def back_up(scene: Scene) -> None:
    """A physical backup from before the erasure."""
    scene.backup.parent.mkdir(parents=True)
    program = find_binaries().usable_by(scene.data.place.account).program("pg_basebackup")
    source = scene.data.dsn(ADMIN, "postgres").psycopg
    subprocess.run([program, "-d", source, "-D", scene.backup, "-X", "stream", "-c", "fast"], check=True)
    shutil.copy2(scene.data.place.folder / "credentials.json", scene.backup.parent)
    for path in (scene.backup, *scene.backup.rglob("*")):
        scene.data.place.account.own(path)


async def copy_the_keys(scene: Scene) -> None:
    """What someone could have copied from the key plane before, and the keys it stood for, to search for them after."""
    epoch = scene.vault.keyring.epochs(scene.tenant)[-1]
    scene.old_epoch = scene.vault.keyring.epoch_key(scene.tenant, epoch)
    async with await psycopg.AsyncConnection.connect(key_dsn(scene.keys).psycopg) as connection:
        query = "SELECT id, tenant_id, person_id, retention_class, epoch, wrapped FROM data_key WHERE person_id = ANY(%s)"
        rows = await (await connection.execute(query, (scene.gone,))).fetchall()
    scene.stolen = [StoredKey(*row) for row in rows]
    scene.raw_keys = [unwrap(AESGCM(scene.old_epoch), key) for key in scene.stolen]  # that is: it worked then


async def delete_rows(scene: Scene) -> None:
    async with await psycopg.AsyncConnection.connect(scene.data.dsn(ADMIN, "postgres").psycopg) as connection:
        await connection.execute("DELETE FROM message WHERE person_id = ANY(%s)", (scene.gone,))
    for cluster in (scene.data, scene.keys):
        async with await psycopg.AsyncConnection.connect(
            cluster.dsn(ADMIN, "postgres").psycopg
        ) as connection:
            await connection.execute("CHECKPOINT")


def count(needles: Iterable[bytes], *places: Path) -> int:
    """How often any of these bytes stands in any file below these places."""
    wanted = list(needles)
    files = [
        path for place in places for path in place.rglob("*") if path.is_file() and not path.is_symlink()
    ]
    assert files
    return sum(content.count(needle) for content in map(Path.read_bytes, files) for needle in wanted)


def test_deleting_alone_would_have_left_everything(scene: Scene) -> None:
    assert count([PLAIN], scene.data.place.data / "base") >= PEOPLE
    assert count([PLAIN], scene.data.place.data / "pg_wal") >= PEOPLE
    assert (
        count([scene.values[person].blob for person in scene.gone], scene.data.place.data, scene.backup)
        >= ERASED
    )
    wrapped = [key.wrapped for key in scene.stolen]
    assert count(wrapped, scene.keys.place.data / "base", scene.keys.place.data / "pg_wal") >= ERASED


def test_no_plaintext_in_heap_wal_or_backup(scene: Scene) -> None:
    assert count([SEALED], scene.data.place.data, scene.keys.place.data, scene.backup) == 0


def test_no_raw_key_anywhere(scene: Scene) -> None:
    assert len(scene.raw_keys) == ERASED
    needles = [*scene.raw_keys, scene.old_epoch]
    assert (
        count(
            needles, scene.data.place.data, scene.keys.place.data, scene.backup, scene.vault.keyring.directory
        )
        == 0
    )
    ours = [path.read_bytes() for path in scene.vault.keyring.directory.rglob("*.key")]
    assert ours
    assert count(ours, scene.data.place.data, scene.keys.place.data, scene.backup) == 0


async def test_no_key_that_is_left_opens_an_erased_persons_data_key(scene: Scene) -> None:
    """Every wrapped key the key plane ever held of the erased, against every key there is in the keyring."""
    keyring, tenant = scene.vault.keyring, scene.tenant
    left = {
        *(keyring.epoch_key(tenant, number) for number in keyring.epochs(tenant)),
        keyring.index_key(tenant),
        keyring.secret("pepper"),
        *(
            bytes.fromhex(line.split()[1])
            for line in (keyring.directory / "root.key").read_text().splitlines()
        ),
    }
    assert len(left) == 4
    for key in scene.stolen:
        for candidate in left:
            with pytest.raises(WrongEpochKey):
                unwrap(AESGCM(candidate), key)
            with pytest.raises(InvalidTag):
                AESGCM(candidate).decrypt(key.wrapped[:12], key.wrapped[12:], None)
        assert unwrap(
            AESGCM(scene.old_epoch), key
        )  # it is the destroyed epoch, and nothing else, that protects
    async with await psycopg.AsyncConnection.connect(key_dsn(scene.keys).psycopg) as connection:
        ids = [key_id_of(scene.values[person].blob) for person in scene.gone]
        found = await connection.execute("SELECT count(*) FROM data_key WHERE id = ANY(%s)", (ids,))
        assert await found.fetchone() == (0,)


async def test_an_old_backup_brings_nobody_back_and_loses_nobody(scene: Scene) -> None:
    with Cluster(scene.home / "restored", "data", memory="data") as restored:
        async with await psycopg.AsyncConnection.connect(
            restored.dsn(ADMIN, "postgres").psycopg
        ) as connection:
            rows = await (await connection.execute("SELECT id, person_id, body FROM message")).fetchall()
    assert len(rows) == PEOPLE  # the erased people's rows are all there again
    async with Vault(key_dsn(scene.keys).psycopg, Keyring.local(scene.vault.keyring.directory)) as fresh:
        texts = await fresh.open_many(
            scene.tenant, [SealedValue(BODY, row, who, body) for row, who, body in rows]
        )
        readable = {row[1]: text for row, text in zip(rows, texts, strict=True) if text is not None}
        assert readable.keys() == scene.values.keys() - set(scene.gone)
        assert all(text.startswith(SEALED.decode()) for text in readable.values())
        with pytest.raises(Erased):
            await fresh.open(scene.tenant, *scene.values[scene.gone[0]])
