"""`callmissed policy …` as an operator types it."""

from pathlib import Path

import pytest

from callmissed.privacy import policy_notices
from tests.rooms.privacy.house import House
from tests.rooms.privacy.test_policy import command

pytestmark = pytest.mark.database


async def test_notices_are_written_and_are_the_same_bytes_again(house: House, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        status, said = await command(house, "notices", "--language", "hi", "--out", str(tmp_path / folder))
        assert status == 0
        assert "cookies.md: 18 of 18 lines in हिन्दी" in said
    for name in policy_notices.NAMES:
        first = (tmp_path / "one" / f"{name}.md").read_bytes()
        assert first.startswith(b"# ")
        assert first == (tmp_path / "two" / f"{name}.md").read_bytes()


async def test_a_column_is_explained(house: House) -> None:
    status, said = await command(house, "explain", "usage_record.model", "--on", "2026-12-01")
    assert status == 0
    assert "from 2027-05-13: leaves the product 90 days from processed_at" in said
    assert (await command(house, "explain", "usage_record.words"))[0] == 1


async def test_lint_ends_with_1_while_a_finding_is_open(house: House) -> None:
    status, said = await command(house, "lint", "--on", "2027-05-13")
    assert status == 1
    assert "✗ C28  §5" in said


async def test_a_draft_is_shown_and_not_published(house: House) -> None:
    assert await command(house, "publish", "--draft") == (0, "Nothing has changed since the last version.\n")
