"""The second step: codes of an app and recovery codes, what works, and every way in which it must not."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import otp, ways_in
from callmissed.identity.factor_problems import AppClockOff, AppCodeUsed, AppCodeWrong, RecoveryCodeWrong
from tests.support.factors import SECURITY, Phone, add_app, methods
from tests.support.people import workspace_of_someone
from tests.support.visitors import at_browser, found_workspace, new_address, type_code

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("seconds", "code"), RFC_VECTORS)
def test_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    assert otp.code_at(RFC_SECRET, otp.step_of(datetime.fromtimestamp(seconds, UTC))) == code[-6:]


async def phone_of(services: Services, user_id: UUID, *, off_seconds: int = 0) -> Phone:
    """A person's phone, set up."""
    async with services.db.control() as tx:
        made = await ways_in.totp.begin_app(tx, user_id, "Phone", "p@namuna.example")
    phone = Phone(made.secret, off_seconds=off_seconds)
    async with services.db.control() as tx:
        done = await ways_in.totp.confirm_app(tx, user_id, made.id, phone.shows())
    assert isinstance(done, list), done
    return phone


async def someone(services: Services) -> UUID:
    """A person with an account."""
    access = await workspace_of_someone(services)
    assert access.actor.id
    return access.actor.id


async def check(services: Services, user_id: UUID, code: str) -> object:
    """What a code is worth."""
    async with services.db.control() as tx:
        return await ways_in.totp.check_app_code(tx, user_id, code)


@pytest.mark.parametrize("off_seconds", [0, 120, -120, 90, -60])
async def test_a_clock_two_minutes_off_is_learned_when_the_app_is_set_up(services, off_seconds) -> None:
    user = await someone(services)
    phone = await phone_of(services, user, off_seconds=off_seconds)
    for later in (60, 3600, 86400):
        with clock.travel(seconds=later):
            assert await check(services, user, phone.shows()) is None


@pytest.mark.parametrize("off_seconds", [3 * 3600, -3 * 3600, 300, -300])
async def test_a_clock_three_hours_off_is_refused(services, off_seconds) -> None:
    user = await someone(services)
    async with services.db.control() as tx:
        made = await ways_in.totp.begin_app(tx, user, "Phone", "p@namuna.example")
    async with services.db.control() as tx:
        phone = Phone(made.secret, off_seconds=off_seconds)
        assert isinstance(await ways_in.totp.confirm_app(tx, user, made.id, phone.shows()), AppCodeWrong)


async def test_a_clock_that_strays_later_is_learned_from_two_codes_in_a_row(services) -> None:
    user = await someone(services)
    phone = await phone_of(services, user)
    phone.off_seconds = 120
    with clock.travel(seconds=600):
        assert isinstance(await check(services, user, phone.shows()), AppClockOff)
        assert isinstance(await check(services, user, phone.shows()), AppCodeUsed), "the same one again"
    with clock.travel(seconds=630):
        assert await check(services, user, phone.shows()) is None
    with clock.travel(seconds=700):
        assert await check(services, user, phone.shows()) is None, "and now it is known"


async def test_two_stray_codes_that_do_not_follow_each_other_let_nobody_in(services) -> None:
    user = await someone(services)
    phone = await phone_of(services, user)
    phone.off_seconds = 120
    with clock.travel(seconds=600):
        assert isinstance(await check(services, user, phone.shows()), AppClockOff)
    with clock.travel(seconds=1200):
        assert isinstance(await check(services, user, phone.shows()), AppClockOff)


async def test_a_code_works_once_also_when_two_type_it_at_the_same_time(services) -> None:
    import asyncio

    user = await someone(services)
    phone = await phone_of(services, user)
    assert isinstance(await check(services, user, phone.shows()), AppCodeUsed), "the one it was set up with"
    with clock.travel(seconds=90):
        code = phone.shows()
        outcomes = await asyncio.gather(*(check(services, user, code) for _ in range(6)))
    assert outcomes.count(None) == 1
    assert sum(isinstance(each, AppCodeUsed) for each in outcomes) == 5


async def test_an_older_code_does_not_work_after_a_newer_one(services) -> None:
    user = await someone(services)
    phone = await phone_of(services, user)
    with clock.travel(seconds=90):
        older = phone.shows()
    with clock.travel(seconds=120):
        assert await check(services, user, phone.shows()) is None
        assert isinstance(await check(services, user, older), AppCodeUsed)


async def test_recovery_codes_work_once_however_they_are_written_and_new_ones_end_the_old(services) -> None:
    user, other = await someone(services), await someone(services)
    async with services.db.control() as tx:
        codes = await ways_in.totp.renew_recovery_codes(tx, user)
        await ways_in.totp.renew_recovery_codes(tx, other)
    assert len(set(codes)) == 10

    async def use(who: UUID, code: str) -> object:
        async with services.db.control() as tx:
            return await ways_in.totp.check_recovery_code(tx, who, code)

    assert isinstance(await use(other, codes[0]), RecoveryCodeWrong), "somebody else's"
    assert await use(user, codes[0].lower().replace("-", " ").replace("0", "o")) is None
    assert isinstance(await use(user, codes[0]), RecoveryCodeWrong)
    async with services.db.control() as tx:
        newer = await ways_in.totp.renew_recovery_codes(tx, user)
    assert isinstance(await use(user, codes[1]), RecoveryCodeWrong)
    assert await use(user, newer[1]) is None


async def test_neither_secret_nor_recovery_code_is_readable_in_the_database(services) -> None:
    from sqlalchemy import text

    user = await someone(services)
    phone = await phone_of(services, user)
    async with services.db.control() as tx:
        codes = await ways_in.totp.renew_recovery_codes(tx, user)
        seen = str((await tx.session.execute(text("SELECT t::text FROM totp_factor t"))).all())
        seen += str((await tx.session.execute(text("SELECT r::text FROM recovery_code r"))).all())
    for secret in (phone.secret, codes[0], codes[0].replace("-", "")):
        assert secret not in seen
        assert secret.encode().hex() not in seen


# Over HTTP


async def test_with_an_app_a_code_by_mail_alone_is_not_enough(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    phone, codes = await add_app(visitor)
    assert len(codes) == 10
    assert await methods(services, visitor) == ("code", "totp")
    assert codes[0] not in (await visitor.get(SECURITY)).text, "shown once"
    visitor.cookies.clear()
    with clock.travel(seconds=90):
        half = await type_code(visitor, services, address, "/app/keys")
        assert half.headers["location"] == "/sign-in/second?next=/app/keys"
        assert "cm_session" not in visitor.cookies
        assert (await visitor.get("/app/keys")).status_code == 303
        wrong = await visitor.post("/sign-in/second", data={"code": "000000"})
        assert wrong.status_code == 401
        assert "4 tries left" in wrong.text
        done = await visitor.post("/sign-in/second", data={"code": phone.shows(), "next": "/app/keys"})
        assert done.headers["location"] == "/app/keys"
        assert await methods(services, visitor) == ("code", "totp")
        assert (await visitor.get("/app/keys")).status_code == 200


async def test_a_recovery_code_lets_in_once(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    _, codes = await add_app(visitor)
    for expected in (303, 401):
        visitor.cookies.clear()
        await type_code(visitor, services, address)
        done = await visitor.post("/sign-in/second", data={"code": codes[3], "recovery": "true"})
        assert done.status_code == expected
    assert "cm_session" not in visitor.cookies


async def test_five_wrong_second_steps_close_the_account_everywhere(
    visitor, services, app: ASGIApp, installation: Installation
) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    phone, _ = await add_app(visitor)
    visitor.cookies.clear()
    await type_code(visitor, services, address)
    for _ in range(4):
        assert (await visitor.post("/sign-in/second", data={"code": "000000"})).status_code == 401
    locked = await visitor.post("/sign-in/second", data={"code": "000000"})
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "900")
    async with at_browser(app, installation.settings.public_url) as elsewhere:
        await type_code(elsewhere, services, address)
        with clock.travel(seconds=90):
            refused = await elsewhere.post("/sign-in/second", data={"code": phone.shows()})
        assert refused.status_code == 429
        with clock.travel(seconds=960):
            await type_code(elsewhere, services, address)
            assert (await elsewhere.post("/sign-in/second", data={"code": phone.shows()})).status_code == 303


async def test_the_second_step_belongs_to_the_browser_that_did_the_first(
    visitor, services, app: ASGIApp, installation: Installation
) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    phone, _ = await add_app(visitor)
    visitor.cookies.clear()
    await type_code(visitor, services, address)
    with clock.travel(seconds=90):
        async with at_browser(app, installation.settings.public_url) as thief:
            refused = await thief.post("/sign-in/second", data={"code": phone.shows()})
            assert (refused.status_code, "cm_session" in thief.cookies) == (401, False)
    with clock.travel(seconds=660):
        late = await visitor.post("/sign-in/second", data={"code": phone.shows()})
        assert late.status_code == 401, "ten minutes are over"


async def test_a_workspace_can_ask_everybody_for_a_second_factor(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    assert (await visitor.post("/app/sign-in-rules", data={"second_factor": "on"})).status_code == 303
    door = await visitor.get("/app/keys")
    assert door.headers["location"] == "/sign-in?next=/app/keys"
    led = await visitor.get(door.headers["location"])
    assert led.headers["location"] == f"{SECURITY}?next=/app/keys"
    page = await visitor.get(led.headers["location"])
    assert page.status_code == 200
    assert "One thing before you go on" in page.text
    assert "/app/inbox" not in page.text, "nothing of the workspace before that"
    await add_app(visitor)
    assert (await visitor.get("/app/keys")).status_code == 200
    own = re.search(rf"{SECURITY}\?remove=([0-9a-f-]{{36}})", (await visitor.get(SECURITY)).text)
    assert own
    kept = await visitor.post(f"{SECURITY}/factors/{own[1]}/remove")
    assert kept.status_code == 409, "the last one stays while the workspace asks for it"
    await visitor.post("/app/sign-in-rules", data={})
    assert (await visitor.post(f"{SECURITY}/factors/{own[1]}/remove")).status_code == 303
    visitor.cookies.clear()
    done = await type_code(visitor, services, address)
    assert done.headers["location"] == "/app", "one step is enough again"


async def test_an_old_session_changes_no_factor(visitor, services) -> None:
    await found_workspace(visitor, services, new_address())
    with clock.travel(seconds=901):
        assert (await visitor.get(SECURITY)).status_code == 200
        for path in ("apps", "passkeys", "recovery-codes", f"factors/{uuid7()}/remove"):
            refused = await visitor.post(f"{SECURITY}/{path}", data={"name": "x"})
            assert refused.status_code == 403
            assert "Is it you?" in refused.text
        program = await visitor.post(f"{SECURITY}/passkeys/ask", headers={"accept": "application/json"})
        assert (program.status_code, program.json()["code"]) == (403, "proof_needed")


async def test_nobody_touches_the_factors_of_another(
    visitor, services, app: ASGIApp, installation: Installation
) -> None:
    await found_workspace(visitor, services, new_address())
    await add_app(visitor)
    own = re.search(rf"{SECURITY}\?remove=([0-9a-f-]{{36}})", (await visitor.get(SECURITY)).text)
    assert own
    async with at_browser(app, installation.settings.public_url) as other:
        await found_workspace(other, services, new_address())
        for verb in ("remove", "name"):
            refused = await other.post(f"{SECURITY}/factors/{own[1]}/{verb}", data={"name": "mine"})
            assert refused.status_code == 404
    assert "My phone" in (await visitor.get(SECURITY)).text
