"""The audit log on a real database: leaves are born with the change, sealed once, and what is tampered with is found."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from callmissed.app.installation import Installation
from callmissed.foundation import audit, clock
from callmissed.foundation.audit import verify
from callmissed.foundation.audit.models import AuditCheckpoint, AuditLeaf, AuditPosition
from callmissed.foundation.audit.sealing import ORIGIN, sign
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor

pytestmark = pytest.mark.database

Lines = list[dict[str, Any]]


async def collected(lines: AsyncIterable[str]) -> Lines:
    return [json.loads(line) async for line in lines]


async def write(services: Services, tenant: UUID, number: int = 1, **more: Any) -> list[UUID]:
    ids: list[UUID] = []
    async with services.db.tenant(Access.system(tenant)) as tx:
        for each in range(number):
            body = {"number": each, "name": "कुंजी"}
            ids.append(await audit.record(tx, "identity:key:created", target=uuid4(), body=body, **more))
    return ids


def verified(services: Services, lines: Lines, earlier: str | None = None) -> verify.Report:
    key = audit.verifier_key(services.vault)
    return verify.verify((json.dumps(line) for line in lines), key, earlier)


def kinds(report: verify.Report) -> set[str]:
    return {finding.kind for finding in report.findings}


async def test_a_leaf_lives_and_dies_with_its_transaction(services: Services) -> None:
    tenant = uuid4()
    with pytest.raises(RuntimeError):
        async with services.db.tenant(Access.system(tenant)) as tx:
            await audit.record(tx, "identity:key:created")
            raise RuntimeError
    (leaf,) = await write(services, tenant)
    async with services.db.tenant(Access.system(tenant)) as tx:
        assert [each.id for each in await audit.recent(tx)] == [leaf]
    async with services.db.tenant(Access.system(uuid4())) as tx:
        assert await audit.recent(tx) == []


async def test_the_actor_is_the_caller_and_control_writes_as_the_operator(services: Services) -> None:
    tenant, user = uuid4(), uuid4()
    async with services.db.tenant(Access(tenant, Actor("user", user))) as tx:
        await audit.record(tx, "identity:key:created")
        (leaf,) = await audit.recent(tx)
        assert (leaf.actor_kind, leaf.actor_id) == ("user", user)
    async with services.db.control() as tx:
        made = await audit.record(tx, "identity:session:begun", subject=user, actor=Actor("user", user))
        assert (await tx.session.scalars(select(AuditLeaf))).all() == []  # still no tenant's rows in sight
    async with services.db.tenant(Access.system(PLATFORM)) as tx:
        (leaf,) = await audit.leaves_about(tx, user)
        assert leaf.id == made


async def test_nothing_can_be_changed_or_removed(services: Services, installation: Installation) -> None:
    tenant = uuid4()
    await write(services, tenant)
    await audit.seal_all(services.db)
    for table in ("audit_leaf", "audit_position", "audit_checkpoint"):
        for change in (f"UPDATE {table} SET digest = ''", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(ProgrammingError):
                async with services.db.tenant(Access.system(tenant)) as tx:
                    await tx.session.execute(text(change))
        async with await psycopg.AsyncConnection.connect(
            installation.data.dsn(ADMIN, DATABASE).psycopg
        ) as owner:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await owner.execute(f"DELETE FROM {table}".encode())


async def test_a_body_without_canonical_form_is_refused(services: Services) -> None:
    async with services.db.tenant(Access.system(uuid4())) as tx:
        with pytest.raises(audit.NotCanonical):
            await audit.record(tx, "billing:wallet:charged", body={"amount": 1.5})


async def test_leaves_about_a_person_are_found_until_the_person_is_erased(services: Services) -> None:
    tenant, person, other = uuid4(), uuid4(), uuid4()
    await write(services, tenant, 3, subject=person)
    await write(services, tenant, 2, subject=other)
    async with services.db.tenant(Access.system(tenant)) as tx:
        await audit.record(tx, "contacts:contact:erased", subject=person, target=person)
        found = await audit.leaves_about(tx, person)
        assert len(found) == 4
        assert found[-1].target_id is None  # a person's own id would undo the commitment
    await audit.seal_all(services.db)
    await services.vault.erase_person(tenant, person)
    async with services.db.tenant(Access.system(tenant)) as tx:
        assert await audit.leaves_about(tx, person) == []
        assert len(await audit.leaves_about(tx, other)) == 2
        lines = await collected(audit.export_tenant(tx))
    assert verified(services, lines).findings == []
    assert str(person) not in json.dumps(lines)
    assert person.hex not in json.dumps(lines)


async def test_the_whole_log_and_a_tenants_part_verify(services: Services, tmp_path: Path) -> None:
    tenant = uuid4()
    for _ in range(3):
        await write(services, tenant, 5)
        await audit.seal_all(services.db)
    whole = await collected(audit.export_all(services.verifier, services.vault))
    report = verified(services, whole)
    assert report.findings == []
    assert report.checkpoints >= 3
    assert report.newest
    assert report.leaves == report.newest.size
    async with services.db.tenant(Access.system(tenant)) as tx:
        part = await collected(audit.export_tenant(tx))
    report = verified(services, part)
    assert report.findings == []
    assert report.leaves == 15
    assert report.tenant == str(tenant)
    export = tmp_path / "export.jsonl"
    export.write_text("".join(json.dumps(line) + "\n" for line in part))
    key = str(audit.verifier_key(services.vault))
    done = offline(export, key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as it was signed" in done.stdout
    export.write_text(export.read_text().replace("identity:key:created", "identity:key:renamed", 1))
    assert offline(export, key).returncode == 1


def offline(export: Path, key: str) -> subprocess.CompletedProcess[str]:
    """The verifier as a stranger runs it: the one file, isolated from everything else here."""
    command = [sys.executable, "-I", verify.__file__, str(export), "--key", key]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
async def whole(services: Services) -> Lines:
    """An export of the whole log with at least three checkpoints, the last two of them over this test's leaves."""
    for _ in range(3):
        await write(services, uuid4(), 4)
        await audit.seal_all(services.db)
    return await collected(audit.export_all(services.verifier, services.vault))


def leaves_of(lines: Lines) -> Lines:
    return [line for line in lines if line["kind"] == "leaf"]


def change_body(lines: Lines) -> None:
    leaves_of(lines)[-2]["record"]["body"]["number"] = 99


def change_body_and_digest(lines: Lines) -> None:
    change_body(lines)
    leaf = leaves_of(lines)[-2]
    leaf["digest"] = verify.digest_of(leaf["record"]).hex()


def change_time(lines: Lines) -> None:
    leaves_of(lines)[-2]["record"]["at"] = "2020-01-01T00:00:00.000000Z"


def remove_leaf(lines: Lines) -> None:
    lines.remove(leaves_of(lines)[-3])


def remove_record(lines: Lines) -> None:
    leaves_of(lines)[-3]["record"] = None


def swap_leaves(lines: Lines) -> None:
    one, other = (lines.index(leaf) for leaf in leaves_of(lines)[-3:-1])
    lines[one], lines[other] = lines[other], lines[one]


def swap_and_renumber(lines: Lines) -> None:
    swap_leaves(lines)
    one, other = leaves_of(lines)[-3:-1]
    for name in ("position", "sequence"):
        one[name], other[name] = other[name], one[name]


def forge_checkpoint(lines: Lines) -> None:
    checkpoint = next(line for line in reversed(lines) if line["kind"] == "checkpoint")
    checkpoint["note"] = checkpoint["note"].replace("callmissed/audit\n", "callmissed/audit\n1", 1)


def add_unsigned_leaf(lines: Lines) -> None:
    last = leaves_of(lines)[-1]
    record = last["record"] | {"id": str(uuid4())}
    digest = verify.digest_of(record).hex()
    sequence, position = last["sequence"] + 1, last["position"] + 1
    lines.insert(-1, last | {"record": record, "digest": digest, "sequence": sequence, "position": position})
    lines[-1]["leaves"] += 1


def drop_the_end(lines: Lines) -> None:
    del lines[-1]


OFFENCES = {
    change_body: "changed",
    change_body_and_digest: "changed",
    change_time: "changed",
    remove_leaf: "missing",
    remove_record: "missing",
    swap_leaves: "reordered",
    swap_and_renumber: "changed",
    forge_checkpoint: "forged",
    add_unsigned_leaf: "missing",
    drop_the_end: "truncated",
}


@pytest.mark.parametrize("offence", OFFENCES, ids=lambda offence: offence.__name__)
def test_every_offence_is_found(services: Services, whole: Lines, offence: Any) -> None:
    assert verified(services, whole).findings == []
    offence(whole)
    assert OFFENCES[offence] in kinds(verified(services, whole))


@pytest.mark.parametrize(
    ("offence", "kind"),
    [
        ("UPDATE audit_leaf SET body = '{\"number\": 7}' WHERE id = %s", "changed"),
        ("UPDATE audit_leaf SET actor_kind = 'staff' WHERE id = %s", "changed"),
        ("UPDATE audit_leaf SET created_at = created_at - interval '1 day' WHERE id = %s", "changed"),
        ("DELETE FROM audit_leaf WHERE id = %s", "missing"),
        ("UPDATE audit_position SET leaf_tenant = gen_random_uuid() WHERE leaf_id = %s", "changed"),
        ("DELETE FROM audit_position WHERE leaf_id = %s", "missing"),
    ],
)
async def test_the_owner_of_the_server_is_found_out(
    services: Services, installation: Installation, offence: str, kind: str
) -> None:
    leaf, _ = await write(services, uuid4(), 2)
    await audit.seal_all(services.db)
    assert (await audit.verify_log(services.verifier, services.vault)).findings == []
    admin = installation.data.dsn(ADMIN, DATABASE).psycopg
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as owner:
        await owner.execute("SET session_replication_role = replica")  # no trigger stops this login
        kept = {}
        for table, name in (("audit_leaf", "id"), ("audit_position", "leaf_id")):
            query = f"SELECT row_to_json(kept)::text FROM {table} AS kept WHERE {name} = %s"
            kept[table] = await (await owner.execute(query.encode(), (leaf,))).fetchone()
        await owner.execute(offence.encode(), (leaf,))
        report = await audit.verify_log(services.verifier, services.vault)
        for table, name in (("audit_leaf", "id"), ("audit_position", "leaf_id")):
            await owner.execute(f"DELETE FROM {table} WHERE {name} = %s".encode(), (leaf,))
            put_back = f"INSERT INTO {table} SELECT * FROM json_populate_record(NULL::{table}, %s::json)"
            await owner.execute(put_back.encode(), kept[table])
    assert kind in kinds(report)
    assert (await audit.verify_log(services.verifier, services.vault)).findings == []


def test_a_log_cut_back_to_an_older_checkpoint_is_found(services: Services, whole: Lines) -> None:
    notes = [line["note"] for line in whole if line["kind"] == "checkpoint"]
    assert verified(services, whole, earlier=notes[-1]).findings == []
    assert verified(services, whole, earlier=notes[0]).findings == []
    ends = [index for index, line in enumerate(whole) if line["kind"] == "checkpoint"]
    cut = whole[: ends[-2] + 1]
    cut.append({"kind": "end", "leaves": len(leaves_of(cut))})
    assert verified(services, cut).findings == []  # by itself it is a log like any other
    assert kinds(verified(services, cut, earlier=notes[-1])) == {"truncated"}


def test_a_rewritten_log_signed_by_the_operator_itself_is_found(services: Services, whole: Lines) -> None:
    kept = next(line["note"] for line in reversed(whole) if line["kind"] == "checkpoint")
    change_body_and_digest(whole)
    seed = services.vault.keyring.secret("audit")
    _sign_again(whole, seed)
    assert verified(services, whole).findings == []  # the operator holds the key
    assert kinds(verified(services, whole, earlier=kept)) == {"forked"}  # and you hold yesterday's checkpoint


def _sign_again(lines: Lines, seed: bytes) -> None:
    frontier = verify.Frontier()
    for line in lines:
        if line["kind"] == "leaf":
            entry = verify.entry_hash(UUID(line["tenant"]), line["sequence"], bytes.fromhex(line["digest"]))
            frontier.append(entry)
        if line["kind"] == "checkpoint":
            at = line["note"].split("\n")[3].removeprefix("time ")
            checkpoint = verify.Checkpoint(ORIGIN, frontier.size, frontier.root(), at)
            line["note"] = sign(checkpoint, seed)


def test_another_key_is_not_believed(services: Services, whole: Lines) -> None:
    _sign_again(whole, bytes(32))
    assert kinds(verified(services, whole)) >= {"forged"}


async def test_a_tenants_part_continues_the_checkpoint_it_kept(services: Services) -> None:
    tenant = uuid4()
    await write(services, tenant, 3)
    await audit.seal_all(services.db)
    async with services.db.tenant(Access.system(tenant)) as tx:
        kept = (await collected(audit.export_tenant(tx)))[1]["note"]
    await write(services, tenant, 3)
    size = await audit.seal_all(services.db)
    async with services.db.tenant(Access.system(tenant)) as tx:
        since = int(kept.split("\n")[1])
        lines = await collected(audit.export_tenant(tx, since=since))
        without = await collected(audit.export_tenant(tx))
    assert since < size
    assert verified(services, lines, earlier=kept).findings == []
    assert kinds(verified(services, without, earlier=kept)) == {"forked"}  # silence is no proof
    leaf = leaves_of(lines)[1]
    lines.remove(leaf)
    assert "missing" in kinds(verified(services, lines))
    leaf["record"]["actor"]["kind"] = "staff"
    lines.insert(4, leaf)
    assert "changed" in kinds(verified(services, lines))
    leaf["digest"] = verify.digest_of(leaf["record"]).hex()
    assert "changed" in kinds(verified(services, lines))


async def test_many_sealers_and_writers_make_one_log(services: Services) -> None:
    tenants = [uuid4() for _ in range(4)]
    writing = [asyncio.create_task(write(services, tenant, 10)) for tenant in tenants * 3]
    sealing = [asyncio.create_task(audit.seal_batch(services.db, most=7)) for _ in range(20)]
    await asyncio.gather(*writing, *sealing)
    await audit.seal_all(services.db)
    report = verified(services, await collected(audit.export_all(services.verifier, services.vault)))
    assert report.findings == []
    async with services.db.control() as tx:
        query = select(AuditPosition.sequence).where(AuditPosition.leaf_tenant == tenants[0])
        assert sorted(await tx.session.scalars(query)) == list(range(1, 31))
        assert (await audit.state(tx)).pending == 0


async def test_silence_shows(services: Services) -> None:
    await audit.seal_all(services.db)
    assert await audit.seal_batch(services.db) is None  # nothing to say yet
    with clock.travel(seconds=400):
        async with services.db.control() as tx:
            before = await audit.state(tx)
            assert before.since_checkpoint
            assert before.since_checkpoint >= timedelta(seconds=390)
        beat = await audit.seal_batch(services.db)
        assert beat
        assert beat.size == before.size + 1
        async with services.db.tenant(Access.system(PLATFORM)) as tx:
            newest = [leaf.action for leaf in await audit.recent(tx, limit=20)]
            assert "foundation:audit:heartbeat" in newest
    async with services.db.control() as tx:
        newest = await tx.session.scalar(select(AuditCheckpoint.size).order_by(AuditCheckpoint.size.desc()))
        assert newest == beat.size


async def test_a_leaf_kept_from_the_sealer_shows_as_waiting(services: Services) -> None:
    await audit.seal_all(services.db)
    await write(services, uuid4(), 2)
    async with services.db.control() as tx:
        state = await audit.state(tx)
        assert state.pending == 2
        assert state.oldest_pending is not None
    await audit.seal_all(services.db)


async def test_a_position_cannot_be_taken_twice(services: Services) -> None:
    await write(services, uuid4())
    await audit.seal_all(services.db)
    again = """
        INSERT INTO audit_position SELECT 1000000, leaf_tenant, sequence, gen_random_uuid(), digest
        FROM audit_position LIMIT 1"""
    with pytest.raises(DBAPIError):
        async with services.db.control() as tx:
            await tx.session.execute(text(again))
