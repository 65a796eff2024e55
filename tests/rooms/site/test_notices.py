"""The pages of the notices: each in each language, with its proof, and nothing else under those addresses."""

import json

import pytest
from starlette.types import ASGIApp

from callmissed.privacy import policy_notices
from tests.support.routes import ask

pytestmark = pytest.mark.database

HTML = {"accept": "text/html"}


async def page(app: ASGIApp, path: str) -> str:
    reply = await ask(app, "GET", path, HTML)
    assert reply.status == 200, path
    return reply.body.decode()


async def test_every_notice_can_be_read_and_taken_along(app: ASGIApp) -> None:
    index = await page(app, "/privacy/notices")
    for name in policy_notices.NAMES:
        assert f'href="/privacy/notices/{name}"' in index
        document = json.loads(await page(app, f"/privacy/notices/{name}.json"))
        read = await page(app, f"/privacy/notices/{name}")
        for part in document["parts"]:
            assert all(f'id="{line["id"]}"' in read for line in part["lines"])
        assert (await page(app, f"/privacy/notices/{name}.md")).startswith("# ")


async def test_a_promise_stands_beside_its_verdict(app: ASGIApp) -> None:
    assert 'href="/privacy#content.no-sale"' in await page(app, "/privacy/notices/policy")


async def test_a_language_without_a_translation_says_so_and_reads_as_english(app: ASGIApp) -> None:
    urdu = await page(app, "/privacy/notices/cookies?language=ur")
    assert 'lang="ur" dir="ltr"' in urdu, "nothing in it runs from the right yet"
    assert "0 of " in urdu
    assert '<span class="cm-tag">English</span>' in urdu
    hindi = await page(app, "/privacy/notices/cookies?language=hi")
    assert '<span class="cm-tag">English</span>' not in hindi
    assert all(f'value="{tag}"' in hindi for tag in policy_notices.LANGUAGES)


@pytest.mark.parametrize(
    "path", ["/privacy/notices/nothing", "/privacy/notices/policy?language=xx", "/privacy/notices/nothing.md"]
)
async def test_what_is_not_there_is_not_found(app: ASGIApp, path: str) -> None:
    assert (await ask(app, "GET", path, HTML)).status == 404
