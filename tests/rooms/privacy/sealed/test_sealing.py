"""What law makes us keep: sealed before the keys go, unreadable for the application, handed out by two, destroyed on its day."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from callmissed.app.commands.sealed import sealed_commands
from callmissed.app.installation import Installation
from callmissed.foundation import audit, clock, receipts
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.vault import Erased
from callmissed.identity import Registration, erasing
from callmissed.identity.tasks import erase_closed
from callmissed.privacy import Facts, sealed_store
from callmissed.privacy.sealed import Custodians, CustodiansMissing, Escrow
from callmissed.privacy.tasks import destroy_sealed
from tests.support.closing import Firm, close, erase_in_time, firm_at_work
from tests.support.holds import let_go, order, owner_sql, placed
from tests.support.staff import staff_member

pytestmark = pytest.mark.database


async def sealed_somebody(services: Services) -> tuple[UUID, UUID]:
    """A sealed registration: whose, and its record."""
    subject = uuid7()
    given = {
        "email": "p7@namuna.example",
        "name": "Meera Namuna",
        "signed_up_at": "2026-01-01T00:00:00+00:00",
    }
    async with services.db.control() as tx:
        assert await services.get(Escrow).seal(tx, Registration("account", subject, clock.now(), given))
    return subject, sealed_store.record_id(services.vault, "account", subject)


def make_due(installation: Installation, record: UUID) -> None:
    with psycopg.connect(owner_sql(installation), autocommit=True) as admin:
        admin.execute("ALTER TABLE sealed_record DISABLE TRIGGER append_only")
        admin.execute("UPDATE sealed_record SET destroy_on = current_date - 1 WHERE id = %s", [record])
        admin.execute("ALTER TABLE sealed_record ENABLE TRIGGER append_only")


async def there(services: Services, record: UUID) -> bool:
    async with services.db.control() as tx:
        return bool(
            await tx.session.scalar(text(f"SELECT count(*) FROM sealed_record WHERE id = '{record}'"))
        )


async def released(services: Services, record: UUID) -> UUID:
    one, other = await staff_member(services, "grievance"), await staff_member(services, "security")
    async with services.db.control() as tx:
        release = await sealed_store.ask(tx, one, record, "District Court, Pune", "CC 81/2026")
    async with services.db.control() as tx:
        await sealed_store.agree(tx, other, release)
    return release


def identities(services: Services) -> list[Path]:
    return sorted((services.vault.keyring.directory / "custodians").glob("*.age"))


def command(services: Services, tmp_path: Path, *words: str) -> Any:
    """The command, on this installation; what it runs has been done already or needs none."""
    del services, tmp_path

    def nothing_runs(_: Any) -> Any:
        raise AssertionError

    return CliRunner().invoke(sealed_commands(nothing_runs), words)


@pytest.fixture
async def firm(services: Services) -> Firm:
    """A workspace with something of everything."""
    return await firm_at_work(services)


async def test_a_registration_outlives_its_account_for_the_custodians_alone(
    services: Services, firm: Firm, tmp_path: Path
) -> None:
    owner = firm.owner.actor.id
    assert owner
    await close(services, firm.owner)
    await erase_in_time(services)
    with clock.travel(days=33):
        await erase_closed(services)
    async with services.db.control() as tx:
        told = receipts.read_all(
            "".join(await erasing.receipts_of(tx, owner)), receipts.public_key(services.vault)
        )
    [kept] = [body["kept"] for body in told if body["store"] == erasing.SEALED]
    assert kept["columns"] == ["email", "name", "signed_up_at"]
    assert "rule 3(1)(h)" in kept["citation"]
    assert kept["law"][0] == "it.registration"
    assert told[0]["store"] == erasing.SEALED, "before the keys"
    record = sealed_store.record_id(services.vault, "account", owner)
    async with services.db.control() as tx:
        [line] = [each for each in await sealed_store.register(tx) if each.id == record]
        assert line.destroy_on.isoformat() == kept["destroyed_on"]
        assert sum((await sealed_store.by_month(tx)).values()) >= 2, "the organisation's and the owner's"
        written = await sealed_store.file_of(tx, await released(services, record))
    path = tmp_path / "release.json"
    path.write_text(written)
    assert firm.email not in written
    two = [word for each in identities(services) for word in ("--identity", str(each))]
    opened = command(services, tmp_path, "open", str(path), *two)
    assert opened.exit_code == 0, opened.output
    assert firm.email in opened.output
    alone = command(services, tmp_path, "open", str(path), *two[:2], *two[:2])
    assert alone.exit_code != 0
    assert firm.email not in alone.output


async def test_sealing_twice_seals_once(services: Services) -> None:
    subject, record = await sealed_somebody(services)
    async with services.db.control() as tx:
        before = (
            await tx.session.execute(text(f"SELECT commitment FROM sealed_record WHERE id = '{record}'"))
        ).all()
        again = Registration("account", subject, clock.now(), {"email": "other@namuna.example"})
        assert await services.get(Escrow).seal(tx, again)
    async with services.db.control() as tx:
        query = text(f"SELECT commitment FROM sealed_record WHERE id = '{record}'")
        assert (await tx.session.execute(query)).all() == before


REACHES = {
    "reads the blob": "SELECT blob FROM sealed_record",
    "reads everything": "SELECT * FROM sealed_record",
    "changes": "UPDATE sealed_record SET destroy_on = current_date",
    "removes": "DELETE FROM sealed_record",
    "empties": "TRUNCATE sealed_record",
    "removes a release": "DELETE FROM sealed_release",
    "hands out what nobody agreed to": "SELECT cm.read_sealed(gen_random_uuid())",
}


@pytest.mark.parametrize("what", REACHES)
@pytest.mark.parametrize("whose", ["application", "verifier"])
async def test_no_role_of_the_application_reaches_in(services: Services, whose: str, what: str) -> None:
    await sealed_somebody(services)
    db = services.db if whose == "application" else services.verifier
    with pytest.raises(Exception, match=r"permission denied|append-only|two people have not agreed"):
        async with db.control() as tx:
            await tx.session.execute(text(REACHES[what]))


async def test_before_its_day_nothing_is_destroyed(services: Services) -> None:
    _, record = await sealed_somebody(services)
    async with services.db.control() as tx:
        assert await tx.session.scalar(text(f"SELECT cm.destroy_sealed(ARRAY['{record}']::uuid[])")) == 0
    await destroy_sealed(services)
    assert await there(services, record)


async def test_on_its_day_the_key_goes_and_then_the_row(
    services: Services, installation: Installation
) -> None:
    _, record = await sealed_somebody(services)
    with psycopg.connect(owner_sql(installation)) as admin:
        copy = admin.execute("SELECT blob FROM sealed_record WHERE id = %s", [record]).fetchone()
    assert copy
    make_due(installation, record)
    await destroy_sealed(services)
    assert not await there(services, record)
    with pytest.raises(Erased):  # an old backup still has the bytes
        await services.vault.open_bytes(PLATFORM, "sealed_record.blob", record, record, bytes(copy[0]))
    with psycopg.connect(owner_sql(installation)) as admin:
        found = admin.execute(
            "SELECT body FROM audit_leaf WHERE action = 'privacy:sealed:destroyed' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert found
    body = receipts.read(found[0]["receipt"], receipts.public_key(services.vault))
    assert (body["records"], body["key_count"]) == (1, 1)


async def test_a_hold_keeps_a_sealed_record_past_its_day(
    services: Services, installation: Installation
) -> None:
    subject, record = await sealed_somebody(services)
    hold = await placed(services, order(person_id=subject))
    make_due(installation, record)
    await destroy_sealed(services)
    assert await there(services, record)
    await let_go(services, hold)
    await destroy_sealed(services)
    assert not await there(services, record)


async def test_nothing_is_handed_out_by_one_person_or_without_an_order(services: Services) -> None:
    _, record = await sealed_somebody(services)
    one, other = await staff_member(services, "grievance"), await staff_member(services, "security")
    async with services.db.control() as tx:
        for ordered_by, reference in (("", "CC 81"), ("District Court", " "), ("x" * 121, "CC 81")):
            with pytest.raises(sealed_store.ReleaseHasNoAuthority):
                await sealed_store.ask(tx, one, record, ordered_by, reference)
        with pytest.raises(sealed_store.SealedNotFound):
            await sealed_store.ask(tx, one, uuid7(), "District Court", "CC 81/2026")
        release = await sealed_store.ask(tx, one, record, "District Court", "CC 81/2026")
        with pytest.raises(sealed_store.ReleaseSecondPerson):
            await sealed_store.agree(tx, one, release)
        with pytest.raises(sealed_store.ReleaseSecondPerson):
            await sealed_store.file_of(tx, release)
    for change in ("approved_by = asked_by, approved_at = now()", "reference = 'another'"):
        with pytest.raises(Exception, match=r"two_persons|stands"):
            async with services.db.control() as tx:
                await tx.session.execute(text(f"UPDATE sealed_release SET {change} WHERE id = '{release}'"))
    async with services.db.control() as tx:
        await sealed_store.agree(tx, other, release)
    async with services.db.control() as tx:
        with pytest.raises(sealed_store.ReleaseAgreed):
            await sealed_store.agree(tx, other, release)
        assert json.loads(await sealed_store.file_of(tx, release))["reference"] == "CC 81/2026"
    async with services.verifier.control() as tx:
        query = text(f"SELECT action FROM audit_leaf WHERE target_id = '{release}' ORDER BY id")
        said = [each.rsplit(":", 1)[1] for each in (await tx.session.scalars(query)).all()]
    assert said == ["release_asked", "released", "file_taken"]


def test_production_does_not_start_without_custodians() -> None:
    with pytest.raises(CustodiansMissing):
        Escrow(Facts(production=True), Custodians()).refuse_unkept()
    assert not Escrow(Facts(), Custodians()).ready


def test_the_solver_says_for_how_long() -> None:
    """180 days under IT Rules 2021; longer where the year of the DPDP Rules has begun by then; five years for a cloud provider."""
    escrow = Escrow(Facts(), Custodians())
    cancelled = clock.now().replace(year=2026, month=10, day=1)
    told = escrow.foretell("account", cancelled)
    assert told
    assert told.law == ("it.registration",)
    assert told.destroy_on == cancelled.date() + timedelta(days=181)
    cloud = Escrow(Facts(law_applies=frozenset({"cloud_service_provider"})), Custodians())
    longer = cloud.foretell("tenant", cancelled)
    assert longer
    assert longer.destroy_on.year == 2031


async def test_the_log_tells_nothing_of_whom(services: Services, installation: Installation) -> None:
    subject, _ = await sealed_somebody(services)
    with psycopg.connect(owner_sql(installation)) as admin:
        for table in ("audit_leaf", "sealed_record"):
            query = f"SELECT count(*) FROM {table} t WHERE to_jsonb(t)::text LIKE %s"
            assert admin.execute(query.encode(), [f"%{subject}%"]).fetchone() == (0,)
    await audit.seal_all(services.db)
