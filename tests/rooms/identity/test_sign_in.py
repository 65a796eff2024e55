"""Signing in with a code: what works, and every way in which it must not."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.identity import sessions, sign_in
from callmissed.identity.problems import (
    CodeExpired,
    CodeIncomplete,
    CodeReplaced,
    CodeUsed,
    CodeWrong,
    EmailUnusable,
    SignInLocked,
    TooManyCodes,
)
from callmissed.identity.service import tries
from tests.support.mailbox import newest_code, newest_letter

pytestmark = pytest.mark.database


@dataclass
class Someone:
    """A person at a browser: their address, and where they connect from."""

    services: Services
    email: str
    network: str
    token: str = ""

    async def ask(self, language: str = "en") -> str:
        """Ask for a code and read it in the mail."""
        async with self.services.db.control() as tx:
            self.token = (
                await sign_in.ask(tx, self.email, self.network, language, held=sign_in.Held(self.token))
            ).token
        return await newest_code(self.services, self.email)

    async def redeem(self, code: str) -> sign_in.SignedIn | Problem:
        """Type a code."""
        async with self.services.db.control() as tx:
            done = await sign_in.redeem(tx, sign_in.Held(self.token), code, self.network, "Firefox on Linux")
        assert not isinstance(done, sign_in.SecondStep)
        return done

    async def sign_in(self) -> sign_in.SignedIn:
        """Ask, read, type."""
        done = await self.redeem(await self.ask())
        assert isinstance(done, sign_in.SignedIn)
        return done


@pytest.fixture
def someone(services: Services) -> Callable[..., Someone]:
    """People nobody has seen before, each on a network of their own unless told otherwise."""

    def make(network: str = "", email: str = "") -> Someone:
        mark = uuid7().hex
        return Someone(
            services, email or f"p{mark}@namuna.example", network or f"10.{UUID(mark).int % 2**40}"
        )

    return make


def other(code: str) -> str:
    """A code that is certainly another one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_a_new_address_becomes_an_account_and_comes_back_to_it(someone) -> None:
    asha = someone()
    first = await asha.sign_in()
    again = await asha.sign_in()
    assert first.user_id == again.user_id
    assert first.tenant_id is None
    assert first.token != again.token


async def test_one_mailbox_is_one_account_however_it_is_written(someone) -> None:
    asha = someone()
    first = await asha.sign_in()
    loud = someone(email=asha.email.upper().replace("NAMUNA.EXAMPLE", "Namuna.Example"))
    async with loud.services.db.control() as tx:
        loud.token = (await sign_in.ask(tx, f"  {loud.email} ", loud.network, "en")).token
        kept = await sign_in.pending(tx, loud.token)
    assert kept
    done = await loud.redeem(await newest_code(loud.services, kept.address))
    assert isinstance(done, sign_in.SignedIn)
    assert done.user_id == first.user_id


async def test_a_wrong_code_says_how_many_tries_are_left(someone) -> None:
    asha = someone()
    code = await asha.ask()
    refused = await asha.redeem(other(code))
    assert isinstance(refused, CodeWrong)
    assert refused.details == {"tries_left": 4}
    assert isinstance(await asha.redeem(code), sign_in.SignedIn)


async def test_a_code_ends_after_ten_minutes(someone) -> None:
    asha = someone()
    code = await asha.ask()
    with clock.travel(seconds=601):
        assert isinstance(await asha.redeem(code), CodeExpired)
        async with asha.services.db.control() as tx:
            assert await sign_in.pending(tx, asha.token) is None


async def test_a_code_works_once(someone) -> None:
    asha = someone()
    code = await asha.ask()
    assert isinstance(await asha.redeem(code), sign_in.SignedIn)
    assert isinstance(await asha.redeem(code), CodeUsed)


async def test_a_newer_code_replaces_the_older(someone) -> None:
    asha = someone()
    older, older_token = await asha.ask(), asha.token
    newer = await asha.ask()
    newer_token, asha.token = asha.token, older_token
    assert isinstance(await asha.redeem(older), CodeReplaced)
    asha.token = newer_token
    assert isinstance(await asha.redeem(newer), sign_in.SignedIn)


async def test_a_code_works_only_in_the_browser_that_asked(someone) -> None:
    asha, thief = someone(), someone()
    code = await asha.ask()
    await thief.ask()
    assert isinstance(
        await thief.redeem(code), CodeWrong | sign_in.SignedIn
    )  # one in a million is the same code
    thief.token = "made-up"
    assert isinstance(await thief.redeem(code), CodeExpired)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12a456", "１２３４５６", "-12345", "٠١٢٣٤٥"])
async def test_what_is_no_code_is_said_to_be_none_and_costs_no_try(someone, typed: str) -> None:
    asha = someone()
    code = await asha.ask()
    for _ in range(6):
        assert isinstance(await asha.redeem(typed), CodeIncomplete)
    assert isinstance(await asha.redeem(f" {code[:3]} {code[3:]} "), sign_in.SignedIn)


async def test_five_wrong_codes_close_the_account_for_a_quarter_of_an_hour(someone) -> None:
    asha = someone()
    code = await asha.ask()
    for _ in range(4):
        assert isinstance(await asha.redeem(other(code)), CodeWrong)
    locked = await asha.redeem(other(code))
    assert isinstance(locked, SignInLocked)
    assert locked.retry_after == 900
    assert isinstance(await asha.redeem(code), SignInLocked), "the right code must not help any more"
    elsewhere = someone(email=asha.email)
    with pytest.raises(SignInLocked):
        await elsewhere.ask()
    with clock.travel(seconds=901):
        await asha.sign_in()


async def test_a_new_code_does_not_bring_new_tries(someone) -> None:
    asha = someone()
    for _ in range(4):
        code = await asha.ask()
        assert isinstance(await asha.redeem(other(code)), CodeWrong)
    code = await asha.ask()
    assert isinstance(await asha.redeem(other(code)), SignInLocked)


async def test_five_wrong_codes_from_one_address_close_it_for_every_account(someone) -> None:
    first = someone()
    for _ in range(4):
        victim = someone(network=first.network)
        code = await victim.ask()
        assert isinstance(await victim.redeem(other(code)), CodeWrong)
    victim = someone(network=first.network)
    code = await victim.ask()
    assert isinstance(await victim.redeem(other(code)), SignInLocked)
    with pytest.raises(SignInLocked):
        await someone(network=first.network).ask()
    await someone(email=victim.email).sign_in()


async def test_a_household_of_ipv6_addresses_counts_as_one(someone) -> None:
    code, refused = "", None
    for n in range(1, 6):
        victim = someone(network=f"2001:db8:7:{UUID(int=0).int}::{n:x}")
        code = await victim.ask()
        refused = await victim.redeem(other(code))
    assert isinstance(refused, SignInLocked)


async def test_guesses_at_the_same_time_do_not_get_more_than_five(someone) -> None:
    import asyncio

    asha = someone()
    code = await asha.ask()
    guesses = await asyncio.gather(*(asha.redeem(f"{(int(code) + n) % 1_000_000:06}") for n in range(1, 13)))
    assert sum(isinstance(guess, CodeWrong) for guess in guesses) == 4
    assert sum(isinstance(guess, SignInLocked) for guess in guesses) == 8


async def test_a_mailbox_is_not_flooded(someone) -> None:
    asha = someone()
    for _ in range(tries.MOST["code:email"]):
        await asha.ask()
    with pytest.raises(TooManyCodes):
        await someone(email=asha.email).ask()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "asha",
        "asha@",
        "@namuna.example",
        "a b@namuna.example",
        "asha@localhost",
        "a@b@c.example",
        "x" * 300,
    ],
)
async def test_what_is_no_address_is_refused(someone, typed: str) -> None:
    asha = someone()
    async with asha.services.db.control() as tx:
        with pytest.raises(EmailUnusable):
            await sign_in.ask(tx, typed, asha.network, "en")


async def test_the_letter_is_written_in_the_readers_language(someone) -> None:
    asha = someone()
    await asha.ask("hi")
    letter = await newest_letter(asha.services, asha.email)
    assert letter.language == "hi"
    assert "कोड" in letter.letter.subject


async def test_asking_touches_no_account(someone) -> None:
    """The same statements run whether or not there is an account, so neither wording nor time can tell."""
    from sqlalchemy import event

    known, unknown = someone(), someone()
    await known.sign_in()
    engine = known.services.db.engine.sync_engine
    said: list[str] = []

    ours: list[object] = []

    def note(connection: object, _cur, statement: str, *_: object) -> None:
        if connection in ours:  # other work of this process talks to the database as well
            said.append(statement)

    seen = []
    for person in (known, unknown):
        said.clear()
        event.listen(engine, "before_cursor_execute", note)
        async with person.services.db.control() as tx:
            ours[:] = [(await tx.session.connection()).sync_connection]
            await sign_in.ask(tx, person.email, person.network, "en")
        event.remove(engine, "before_cursor_execute", note)
        seen.append(list(said))
    assert seen[0] == seen[1]
    assert len(seen[0]) > 3
    assert not any("user_account" in statement for statement in seen[0])


async def test_a_session_ends_idle_absolute_and_by_sign_out(someone) -> None:
    asha = someone()
    done = await asha.sign_in()

    async def current() -> sessions.Current | None:
        async with asha.services.db.control() as tx:
            return await sessions.current(tx, done.token)

    assert await current()
    with clock.travel(days=13.9):
        assert await current()
    with clock.travel(days=27):
        assert await current(), "it was used two weeks before"
    with clock.travel(days=42):
        assert await current() is None, "idle for fifteen days"
    for day in range(13, 90, 13):
        with clock.travel(days=day):
            await current()
    with clock.travel(days=90.1):
        assert await current() is None
    async with asha.services.db.control() as tx:
        await sessions.sign_out(tx, done.token)
    assert await current() is None


async def test_a_made_up_token_is_nobody(services: Services) -> None:
    async with services.db.control() as tx:
        assert await sessions.current(tx, "x" * 43) is None
        await sessions.sign_out(tx, "x" * 43)
