"""Each promise is kept on a healthy installation, broken by each of its saboteurs, and kept again after them."""

import pytest

from callmissed.privacy import Result, check_all
from callmissed.privacy.promises import ORDER, promises
from callmissed.privacy.promises.engine import Promise, _promises, declared
from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import Saboteur, saboteurs, unsabotaged
from tools.promises import PAGE, page

pytestmark = pytest.mark.database

CHECKED = {
    "collect.account", "collect.idp", "collect.usage", "content.isolated", "content.no-training", "payment.no-card", "use.plan",
    "store.india", "safe.rest", "safe.hashed-secrets", "safe.least-privilege", "safe.confidentiality", "keep.usage-logs", "keep.active",
    "keep.deleted-account", "use.transactional", "use.lawful-requests", "children.none",
    "content.no-sale",
    "use.rate-limits", "keep.security-logs", "cookies.essential", "cookies.no-ads", "consent.quality", "entity.published", "change.date",
    "change.notice",
}  # fmt: skip


def told(result: Result) -> str:
    """What a reader is told: headline and explanation, filled in."""
    found = result.finding
    return f"{found.headline % found.figures}\n{found.explanation % found.figures}"


async def test_a_healthy_installation_keeps_every_promise_it_can_check(house: House) -> None:
    results = await check_all(house.services)
    checked = [result for result in results if result.promise.check]
    assert {result.promise.id: told(result) for result in checked if result.finding.verdict != "kept"} == {}
    for result in checked:
        assert result.finding.figures
        assert result.finding.looked_at
        assert result.finding.found, f"{result.promise.id} shows nothing it found"


@pytest.mark.parametrize("saboteur", saboteurs(), ids=lambda each: f"{each.promise}-{each.name}")
async def test_the_saboteur_is_seen(house: House, saboteur: Saboteur) -> None:
    before = await house.check(saboteur.promise)
    assert before.finding.verdict == "kept", told(before)
    async with saboteur.loose(house):
        during = await house.check(saboteur.promise)
    assert during.finding.verdict == saboteur.verdict, told(during)
    figures = during.finding.figures
    assert {name: figures.get(name) for name in saboteur.figures} == saboteur.figures
    assert [words for words in saboteur.says if words not in told(during)] == [], told(during)
    after = await house.check(saboteur.promise)
    assert after.finding.verdict == "kept", told(after)


async def test_a_call_abroad_that_its_workspace_agreed_to_breaks_nothing(house: House) -> None:
    async with house.usage_row(upstream="somebody", region="US", india_only=False):
        result = await house.check("store.india")
    assert (result.finding.verdict, result.finding.figures["calls_abroad"]) == ("kept", 1)
    assert "1 went where their workspace had agreed" in told(result)


def test_every_checked_promise_has_a_saboteur() -> None:
    checked = {each.id for each in promises() if each.check}
    assert unsabotaged(checked, saboteurs()) == set()
    assert {each.promise for each in saboteurs()} == checked


def test_a_promise_without_a_saboteur_is_caught() -> None:
    checked = [*(each.id for each in promises() if each.check), "planted.promise"]
    assert unsabotaged(checked, saboteurs()) == {"planted.promise"}
    only_silenced = [each for each in saboteurs() if each.promise != "use.plan" or each.verdict == "unknown"]
    assert unsabotaged({"use.plan"}, only_silenced) == {"use.plan"}


def test_what_is_declared_is_the_published_policy() -> None:
    """Neither more nor less than the published policy promises, and only these are checked so far."""
    assert [each.id for each in promises()] == ORDER
    assert len(ORDER) == 55
    assert {name for name, each in declared().items() if each.check} == CHECKED
    _promises["planted.promise"] = Promise("planted.promise", 1, "Planted.")
    try:
        assert [each.id for each in promises()] != ORDER
    finally:
        del _promises["planted.promise"]


def test_the_page_of_promises_is_current() -> None:
    """Written anew with `python -m tools.promises`."""
    assert PAGE.read_text(encoding="utf-8") == page()
