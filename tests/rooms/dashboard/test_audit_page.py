"""The audit log's page: sentences for everything, filters, names, CSV, and proof that stands without us."""

import ast
import csv
import io
import re
from pathlib import Path

import pytest

from callmissed.dashboard.audit_words import SENTENCES, say
from callmissed.foundation import audit, i18n
from callmissed.foundation.audit import seal_all, verify_lines
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import create_key
from tests.support.people import teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of

PACKAGE = Path(__file__).resolve().parents[3] / "callmissed"
BUILT = {
    ("callmissed/conversations/service.py", "conversations:conversation:"): "_written",
    ("callmissed/privacy/checking.py", "privacy:promise:"): ("kept", "broken", "unknown"),
}
"""Where the last part of an action is filled in: by the third argument of a function, or one of these words."""


def actions_in(path: Path) -> set[str]:
    """Every action that a module's calls of record() can write."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(PACKAGE.parent).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = node.value.split(":")
            if len(parts) == 3 and all(
                part and part.replace("_", "a").isalpha() and part.islower() for part in parts
            ):
                found.add(node.value)
        if isinstance(node, ast.JoinedStr) and isinstance(first := node.values[0], ast.Constant):
            words = BUILT.get((name, str(first.value)))
            if re.fullmatch(r"[a-z_]+:[a-z_]+:", str(first.value)):
                assert words, f"{name} builds an action from {first.value!r}: say how in BUILT"
                found |= {
                    f"{first.value}{word}"
                    for word in (words if isinstance(words, tuple) else verbs(tree, words))
                }
    return found


def verbs(tree: ast.Module, function: str) -> set[str]:
    """The third argument of every call of a function."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            assert isinstance(node.args[2], ast.Constant)
            found.add(str(node.args[2].value))
    return found


def test_every_action_in_the_code_has_its_sentence_and_no_sentence_is_left_over() -> None:
    used = set().union(*(actions_in(path) for path in PACKAGE.rglob("*.py") if path.name != "audit_words.py"))
    assert len(used) > 40
    assert used - SENTENCES.keys() == set()
    assert SENTENCES.keys() - used == set()


def test_an_unknown_action_shows_its_name_and_a_missing_member_a_dash() -> None:
    assert say("moon:cheese:eaten", {"a": 1}) == "moon:cheese:eaten"
    assert say("identity:invitation:sent", {}) == "Somebody was invited, as: –."
    with i18n.speaking("hi"):
        assert "एडमिन" in say("identity:invitation:sent", {"role": "admin"})


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.mark.database
async def test_it_shows_who_did_what_and_filters(app, services, owner) -> None:
    mate = await teammate_of(services, owner, "developer", "ravi-the-developer@namuna.example")
    async with services.db.tenant(mate) as tx:
        await create_key(tx, "theirs")
    async with browser_of(app, services, owner) as browser:
        page = (await browser.get("/app/audit")).text
        assert "An API key was made." in page
        assert "Name of ravi-the" in page
        assert page.index("An API key was made.") < page.index("The workspace was founded."), "newest first"
        rows = page.count('<details class="row">')
        by_mate = (await browser.get(f"/app/audit?actor={mate.actor.id}")).text
        assert 0 < by_mate.count('<details class="row">') < rows
        one = (await browser.get("/app/audit?action=identity:key:created")).text
        assert one.count('<details class="row">') == 1
        assert "Nothing fits" in (await browser.get("/app/audit?since=2099-01-01")).text
        assert "Nothing fits" in (await browser.get("/app/audit?until=2001-01-01")).text
        for odd in ("since=never", "until=2026-13-45", "actor=visitor"):
            assert (await browser.get(f"/app/audit?{odd}")).status_code == 200
        for unusable in ("actor=%00", "action=%00x"):
            assert (await browser.get(f"/app/audit?{unusable}")).status_code == 422


@pytest.mark.database
async def test_another_workspaces_log_is_not_there(app, services, owner) -> None:
    other = await workspace_of_someone(services)
    async with services.db.tenant(other) as tx:
        leaf = (await audit.recent(tx))[0].id
    await seal_all(services.db)
    async with browser_of(app, services, owner) as browser:
        assert str(leaf) not in (await browser.get("/app/audit")).text
        assert (await browser.get(f"/app/audit/{leaf}/proof")).status_code == 404


@pytest.mark.database
async def test_the_file_with_proof_is_verified_offline_and_a_forged_one_is_not(app, services, owner) -> None:
    await seal_all(services.db)
    async with browser_of(app, services, owner) as browser:
        file = (await browser.get("/app/audit/export")).text
        page = (await browser.get("/app/audit")).text
        assert "Prove it" in page
    lines = file.splitlines()
    assert verify_lines(lines).findings == []
    forged = [line.replace("identity:tenant:created", "identity:tenant:renamed") for line in lines]
    assert forged != lines
    assert verify_lines(forged).findings


@pytest.mark.database
async def test_a_spreadsheet_gets_no_formula(app, services, owner) -> None:
    async with services.db.tenant(owner) as tx:
        await create_key(tx, "=HYPERLINK(1)")
        await audit.record(tx, "=cmd", body={})
    async with browser_of(app, services, owner) as browser:
        reply = await browser.get("/app/audit.csv")
    rows = list(csv.reader(io.StringIO(reply.text)))
    assert rows[0][:3] == ["time", "actor_kind", "actor"]
    assert "'=cmd" in {row[3] for row in rows}
    assert not any(cell.startswith("=") for row in rows for cell in row)
