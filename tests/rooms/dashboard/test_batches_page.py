"""The page of batches over HTTP: what an empty one says, how far each is, and who may fetch a file."""

import pytest
from starlette.types import ASGIApp

from callmissed.gateway.batches import files, service
from callmissed.gateway.batches.models import Batch
from callmissed.identity import create_key
from tests.rooms.dashboard.conftest import Office, Open
from tests.support.people import teammate_of
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database

CONTENT = b'{"custom_id": "q1"}\n'


async def half_done(office: Office) -> str:
    """A batch in the middle; what callers call its file."""
    async with office.services.db.tenant(office.access) as tx:
        key = await create_key(tx, "nightly")
        file = await files.store(tx, key.id, "q.jsonl", CONTENT)
        name = f"file-{file.id.hex}"
        wish = service.BatchBody(name, "/v1/embeddings", "24h")
        made: Batch = await service.create(tx, key.id, wish, file.id)
        made.state, made.total, made.completed, made.failed = "in_progress", 1200, 500, 100
        made.output_file_id = file.id
    return name


async def test_an_empty_page_says_what_will_be_there_and_offers_one_act(office: Office) -> None:
    page = await office.page("/app/batches")
    assert "No batches yet" in page
    assert page.count("cm-btn is-primary") == 1


async def test_it_shows_how_far_each_is(office: Office) -> None:
    name = await half_done(office)
    page = await office.page("/app/batches")
    for said in (
        "under way",
        "nightly",
        "600 of 1,200",
        "100 failed",
        "/v1/embeddings",
        f"/app/batches/files/{name}",
    ):
        assert said in page
    assert "cm-bar" in page
    hindi = (await office.browser.get("/app/batches", headers={"accept-language": "hi"})).text
    assert "चल रहा है" in hindi


async def test_files_are_for_those_who_could_make_a_key(app: ASGIApp, office: Office, opened: Open) -> None:
    name = await half_done(office)
    fetched = await office.browser.get(f"/app/batches/files/{name}")
    assert fetched.content == CONTENT
    assert fetched.headers["content-disposition"] == f'attachment; filename="{name}.jsonl"'
    pays = await teammate_of(office.services, office.access, "billing")
    async with browser_of(app, office.services, pays) as browser:
        assert "/app/batches/files/" not in (await browser.get("/app/batches")).text
        assert (await browser.get(f"/app/batches/files/{name}")).status_code == 403
    other = await opened()
    assert (await other.browser.get(f"/app/batches/files/{name}")).status_code == 404
