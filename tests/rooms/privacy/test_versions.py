"""A material change is told to everybody, and takes effect 30 whole days after the last of them was told."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from callmissed.foundation import clock, mail
from callmissed.foundation.services import Services
from callmissed.privacy import policy_deliveries, policy_page, policy_versions, publish_version
from callmissed.privacy.changes import changes
from callmissed.privacy.deliveries import earliest_effect
from callmissed.privacy.law import begins
from callmissed.privacy.models import PolicyDelivery, PolicyVersion
from callmissed.privacy.promises.engine import _promises
from callmissed.privacy.versions import LawNeeded, VersionWaits
from tests.rooms.privacy.house import House
from tests.support.mailbox import send_waiting

pytestmark = pytest.mark.database

Text = Mapping[str, Mapping[str, str]]
OLD: Text = {
    "sentences": {"a": "§1 We keep it safe.", "b": "§2 We never sell it."},
    "held": {
        "t.email": "account: e-mail address (user; service; contract; 90 days from at)",
        "t.note": "content: a note (user; service; contract; 30 days from at)",
    },
    "facts": {"region": "IN", "grievance_officer": "Meera"},
}


def changed(part: str, **lines: str | None) -> list[tuple[str, bool]]:
    """The kinds of change when these lines of one part read otherwise, and whether each is material."""
    new = {name: dict(held) for name, held in OLD.items()}
    for name, line in lines.items():
        place = name.replace("__", ".")
        if line is None:
            del new[part][place]
        else:
            new[part][place] = line
    return [(each.kind, each.material) for each in changes(OLD, new)]


def test_each_change_is_known_for_what_it_is() -> None:
    email = "account: e-mail address (user; {}; contract; {})"
    assert changed("sentences", a="§1 We keep it fairly safe.") == [("promise_changed", True)]
    assert changed("sentences", b=None) == [("promise_gone", True)]
    assert changed("sentences", c="§3 And in India.") == [("promise_new", False)]
    assert changed("held", t__email=email.format("service", "91 days from at")) == [("longer", True)]
    assert changed("held", t__email=email.format("service", "9 days from at")) == [("shorter", False)]
    assert changed("held", t__email=email.format("service", "the account is closed")) == [("period", True)]
    both = email.format("service, marketing", "90 days from at")
    assert changed("held", t__email=both) == [("purpose_new", True)]
    assert changed("held", t__note=None) == [("kind_gone", False)]
    phone = "contact_point: phone (user; service; contract; 90 days from at)"
    assert changed("held", t__phone=phone) == [("kind_new", True)]
    other = "account: phone (user; service; contract; 90 days from at)"
    assert changed("held", t__phone=other) == [], "a column more of what is said already"
    assert changed("held", t__tag="none: a tag (nobody; ; ; 90 days from at)") == []
    assert changed("facts", region="SG") == [("fact", True)]
    assert changed("facts", grievance_officer="Ravi") == [("fact", False)]
    assert changes(OLD, OLD) == []


def test_a_change_is_told_in_plain_words() -> None:
    new = {
        **OLD,
        "held": {
            **OLD["held"],
            "t.email": "account: e-mail address (user; service; contract; 91 days from at)",
        },
    }
    [each] = changes(OLD, new)
    assert each.told() == "“e-mail address” is kept longer: 91 days from at. Before: 90 days from at."


@pytest.fixture
async def changing(house: House) -> AsyncGenerator[Services]:
    """The installation in production, about to say something else of a promise; all versions as before afterwards."""
    await publish_version(house.services)
    before = _promises["content.no-sale"]
    async with house.saved("policy_version"):
        with house.facts(production=True):
            _promises["content.no-sale"] = replace(
                before, sentence="We hardly ever sell what you write or say."
            )
            try:
                yield house.services
            finally:
                _promises["content.no-sale"] = before
                await house.sql("DELETE FROM policy_delivery")


async def round_of_telling(services: Services) -> None:
    await policy_deliveries.tell(services)
    await send_waiting(services)
    await policy_deliveries.tell(services)


async def test_everybody_is_told_and_thirty_days_pass(changing: Services, house: House) -> None:
    made = await publish_version(changing)
    assert made is not None
    assert (made.notice, made.effective_at) == ("told", None)
    with (
        house.facts(production=True, legal_name="Somebody Else Private Limited"),
        pytest.raises(VersionWaits),
    ):
        await publish_version(changing)
    await round_of_telling(changing)
    async with changing.db.control() as tx:
        coming = await policy_versions.coming(tx)
        people = list(await tx.session.scalars(select(PolicyDelivery)))
        accounts = await tx.session.scalar(
            text("SELECT count(*) FROM user_account WHERE deactivated_at IS NULL")
        )
        letters = [each for each in await mail.kept_letters(tx) if "policy changes" in each.letter.subject]
    assert coming is not None
    assert coming.effective_at is not None
    assert len(people) == accounts > 0
    last = max(each.delivered_at for each in people if each.delivered_at)
    assert coming.effective_at == begins(earliest_effect(last))
    assert coming.effective_at - last >= timedelta(days=30)
    assert "We hardly ever sell" in letters[0].letter.text
    assert (await house.check("change.notice")).finding.verdict == "kept"


async def test_until_the_day_the_page_shows_what_applies(changing: Services, house: House) -> None:
    await publish_version(changing)
    await round_of_telling(changing)

    async def shown() -> str:
        page = await policy_page(changing)
        [found] = [each for each in page.sections[1][1] if each.promise.id == "content.no-sale"]
        return found.promise.sentence

    assert await shown() == "We never sell what you write or say."
    assert (await house.check("change.date")).finding.verdict == "kept"
    with clock.travel(days=32):
        assert await shown() == "We hardly ever sell what you write or say."
        async with changing.db.control() as tx:
            assert await policy_versions.coming(tx) is None
        assert (await house.check("change.date")).finding.verdict == "kept"


async def test_whom_no_letter_reaches_is_told_by_the_console(changing: Services) -> None:
    await publish_version(changing)
    await policy_deliveries.tell(changing)
    async with changing.db.control() as tx:
        await tx.session.execute(
            text(
                "UPDATE mail_message SET state = 'failed', settled_at = now(), body = NULL WHERE state = 'queued'"
            )
        )
    await policy_deliveries.tell(changing)
    async with changing.db.control() as tx:
        version = await tx.session.scalar(
            select(PolicyVersion).order_by(PolicyVersion.number.desc()).limit(1)
        )
        assert version is not None
        told = await policy_deliveries.told_so_far(tx, version.id)
    assert (told.queued, told.by_email) == (0, 0)
    assert told.by_console > 0
    assert version.effective_at is not None


async def test_two_processes_tell_everybody_once(changing: Services) -> None:
    await publish_version(changing)
    await asyncio.gather(*(policy_deliveries.tell(changing) for _ in range(3)))
    async with changing.db.control() as tx:
        twice: Any = await tx.session.scalar(
            text(
                "SELECT count(*) FROM (SELECT person_id FROM policy_delivery GROUP BY 1 HAVING count(*) > 1) x"
            )
        )
        letters = await tx.session.scalar(
            text(
                "SELECT count(*) FROM mail_message WHERE template = 'privacy.policy_changed' AND state = 'queued'"
            )
        )
        people = await tx.session.scalar(text("SELECT count(*) FROM policy_delivery"))
    assert twice == 0
    assert letters == people
    await send_waiting(changing)


async def test_law_may_require_it_at_once_and_must_be_named(changing: Services, house: House) -> None:
    with pytest.raises(LawNeeded):
        await publish_version(changing, required_by="law")
    made = await publish_version(changing, required_by="IT Rules 2021, rule 3(2), G.S.R. 120(E)")
    assert made is not None
    assert made.notice == "law"
    assert made.effective_at is not None
    assert (await house.check("change.notice")).finding.verdict == "kept"


async def test_nothing_important_applies_at_once(house: House) -> None:
    await publish_version(house.services)
    async with house.saved("policy_version"):
        with house.facts(production=True, grievance_officer="Ravi Patil"):
            made = await publish_version(house.services)
            assert made is not None
            assert (made.notice, [each.told() for each in made.changes]) == (
                "minor",
                ["grievance officer: Ravi Patil. Before: Asha Kulkarni."],
            )
