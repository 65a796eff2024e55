"""The policy as text: versions, the notice read from the data map, and the commands over both."""

import asyncio
import json
import os
import re
import sys
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from sqlalchemy import Column, Text, select

from callmissed.foundation.datamap import Category, Whose, nothing, personal
from callmissed.privacy import publish_version
from callmissed.privacy.models import PolicyVersion
from callmissed.privacy.notice import held
from callmissed.privacy.promises import ORDER
from callmissed.privacy.text import summary_of
from callmissed.privacy.versions import ensure_version
from tests.rooms.privacy.house import OPERATOR, House
from tests.rooms.privacy.saboteurs.keeping import row_without_a_business

pytestmark = pytest.mark.database


async def numbers(house: House) -> list[int]:
    async with house.services.db.control() as tx:
        return list(await tx.session.scalars(select(PolicyVersion.number).order_by(PolicyVersion.number)))


async def test_nothing_is_published_twice(house: House) -> None:
    before = await numbers(house)
    assert await publish_version(house.services) is None
    assert await ensure_version(house.services) is None
    assert await numbers(house) == before


async def test_a_change_is_a_new_version_with_its_summary_and_leaf(house: House) -> None:
    before = await numbers(house)
    with house.facts(grievance_officer="Ravi Patil"):
        made = await publish_version(house.services)
        assert made
        assert (made.number, made.summary) == (before[-1] + 1, "1 fact changed")
        found = (await house.check("change.date")).finding
        assert (found.verdict, found.figures["version"]) == ("kept", made.number)
    assert (await house.check("change.date")).finding.verdict == "broken"
    back = await publish_version(house.services)
    assert back
    assert back.number == made.number + 1
    assert (await house.check("change.date")).finding.verdict == "kept"


async def test_in_production_a_change_waits_for_a_hand(house: House) -> None:
    before = await numbers(house)
    with house.facts(grievance_officer="Somebody Else", production=True):
        assert await ensure_version(house.services) is None
    assert await numbers(house) == before


def test_a_summary_counts_what_changed() -> None:
    old = {"sentences": {"a": "1", "b": "2"}, "held": {"x": "1"}, "facts": {}}
    new = {"sentences": {"a": "1", "b": "3", "c": "4"}, "held": {}, "facts": {"cin": "U"}}
    assert summary_of(old, new) == "1 sentence added, 1 sentence changed, 1 column removed, 1 fact added"
    assert summary_of(old, old) == "nothing changed"


def test_the_notice_is_read_from_the_data_map(house: House) -> None:
    shoes = personal(
        Category.ACCOUNT, Whose.USER, "shoe size", purposes=("support",), ground="consent", person="id"
    )
    assert not [line for line in held() if "shoe size" in line.what]
    columns = (
        Column("shoes", Text, info={"holds": shoes}),
        Column("colour", Text, info={"holds": nothing("colour")}),
    )
    with house.mapped(*columns):
        [line] = [line for line in held() if "shoe size" in line.what]
        assert "planted.shoes" in line.columns
        assert line.category == "Account"
        assert "to help you" in line.purposes
        assert "your consent" in line.grounds
        assert not [line for line in held() if "planted.colour" in line.columns], (
            "nobody's data is no part of a notice"
        )
    assert not [line for line in held() if "shoe size" in line.what]


async def command(house: House, *words: str) -> tuple[int | None, str]:
    """Run `callmissed policy …` on the running installation: exit status and output."""
    settings = {f"CALLMISSED_{name.upper()}": value for name, value in OPERATOR.items()}
    environment = {
        **os.environ, **settings, "CALLMISSED_HOME": str(house.installation.home), "CALLMISSED_FIND_UPSTREAMS": "0",
        "CALLMISSED_PORT": str(house.installation.settings.port), "CALLMISSED_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "callmissed.app.cli",
        "policy",
        *words,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 100)
    return process.returncode, said.decode()


async def test_verify_says_it_as_json_and_ends_well_when_nothing_is_broken(house: House) -> None:
    status, said = await command(house, "verify", "--json")
    results = json.loads(said)
    assert [each["id"] for each in results] == ORDER
    assert {tuple(each) for each in results} == {("id", "clause", "verdict", "figures", "checked_at")}
    assert all(re.fullmatch(r"§\d{1,2}", each["clause"]) for each in results)
    assert all(datetime.fromisoformat(each["checked_at"]).utcoffset() is not None for each in results)
    assert [each["id"] for each in results if each["verdict"] == "broken"] == []
    assert sum(each["verdict"] == "kept" for each in results) == 27
    assert sum(each["verdict"] == "unknown" for each in results) == len(ORDER) - 27
    assert status == 0


async def test_verify_ends_with_1_when_a_promise_is_broken_and_names_it(house: House) -> None:
    async with asynccontextmanager(row_without_a_business)(house):
        status, said = await command(house, "verify")
    assert status == 1
    assert "✗ keep.active" in said
    assert "1 rows without an account" in said
    tally = re.search(r"(\d+) kept, (\d+) broken, 28 cannot tell", said)
    assert tally
    assert int(tally[1]) + int(tally[2]) == 27


async def test_publish_says_when_nothing_has_changed(house: House) -> None:
    assert await command(house, "publish") == (0, "Nothing has changed since the last version.\n")
