"""The docs of an installation: their samples work as they stand, and every problem leads to its own place."""

import html
import json
import re

import pytest

from callmissed.app.main import MEGABYTE
from callmissed.foundation.problems import Problem
from callmissed.gateway.batches.lines import read_line
from callmissed.site.problem_list import problem_groups
from tests.support.belongings import belongings
from tests.support.routes import JSON, ask

pytestmark = pytest.mark.database

SAMPLE = re.compile(r'<pre class="cm-codebox[^>]*aria-label="([^"]+)">(.*?)</pre>', re.DOTALL)


async def samples(app) -> dict[str, str]:
    """The code on the page, by its label."""
    page = await ask(app, "GET", "/docs")
    return {label: html.unescape(code) for label, code in SAMPLE.findall(page.body.decode())}


async def test_the_curl_sample_is_answered_as_it_stands(app, services) -> None:
    ours = await belongings(app, services)
    code = (await samples(app))["curl"]
    path, body = re.findall(r"^curl http://[^/]+(\S+)", code)[0], re.findall(r"-d '(.*)'", code, re.DOTALL)[0]
    assert re.findall(r'-H "(.+?):', code) == ["Authorization", "Content-Type"]
    reply = await ask(app, "POST", path, ours.key | JSON, body.encode())
    assert reply.status == 200
    assert "₹499" in json.loads(reply.body)["choices"][0]["message"]["content"]


async def test_the_quote_is_answered_as_it_stands(app, services) -> None:
    ours = await belongings(app, services)
    code = (await samples(app))["A quote"]
    path, body = re.findall(r"^curl http://[^/]+(\S+)", code)[0], re.findall(r"-d '(.*)'", code, re.DOTALL)[0]
    reply = await ask(app, "POST", path, ours.key | JSON, body.encode())
    assert (reply.status, json.loads(reply.body)["object"]) == (200, "quote")


async def test_a_request_made_once_is_answered_as_it_stands_and_again(app, services) -> None:
    ours = await belongings(app, services)
    code = (await samples(app))["Once only"]
    headers = dict(re.findall(r'-H "(Idempotency-Key): (.+?)"', code))
    path, body = re.findall(r"^curl http://[^/]+(\S+)", code)[0], re.findall(r"-d '(.*)'", code, re.DOTALL)[0]
    sent = {name.lower(): value for name, value in headers.items()}
    replies = [await ask(app, "POST", path, ours.key | JSON | sent, body.encode()) for _ in range(2)]
    assert [each.status for each in replies] == [200, 200]
    assert replies[0].body == replies[1].body


async def test_the_python_sample_is_python_and_all_name_this_installation(app, installation) -> None:
    found = await samples(app)
    compile(found["Python"], "sample", "exec")
    compile(found["Anthropic"], "sample", "exec")
    compile(found["Vectors"], "sample", "exec")
    compile(found["A batch"], "sample", "exec")
    assert read_line(found["A line of its file"].encode()).url == "/v1/chat/completions"
    here = installation.settings.public_url
    assert [
        name
        for name in ("curl", "Python", "JavaScript", "Anthropic", "A quote", "HTML")
        if here not in found[name]
    ] == []


async def test_the_error_shown_is_one_that_is_sent(app) -> None:
    shown = json.loads((await samples(app))["An error"].partition("\n\n")[2])
    assert Problem.catalogue[shown["error"]["code"]].status == 429
    sent = json.loads((await ask(app, "GET", "/v1/models")).body)
    assert sent["error"].keys() == shown["error"].keys()


async def test_the_size_told_is_the_size_taken(app) -> None:
    assert "10 MB" in (await ask(app, "GET", "/docs")).body.decode()
    for size, status in ((10 * MEGABYTE, 401), (10 * MEGABYTE + 1, 413)):
        reply = await ask(app, "POST", "/v1/chat/completions", JSON, b" " * size)
        assert reply.status == status
        assert json.loads(reply.body)["error"]["code"] == ("key_missing" if status == 401 else "too_large")


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_every_problem_has_its_place(app, language) -> None:
    page = (await ask(app, "GET", f"/docs/problems?lang={language}")).body.decode()
    codes = {code for group in problem_groups() for code, _ in group.problems}
    assert len(codes) > 60
    assert [code for code in codes if page.count(f'id="{code}"') != 1] == []


async def test_a_problem_leads_there(app) -> None:
    said = json.loads((await ask(app, "GET", "/nowhere")).body)
    path, _, place = said["type"].partition("#")
    assert f'id="{place}"' in (await ask(app, "GET", path)).body.decode()


async def test_the_docs_are_found_from_public_pages_and_from_the_keys(app, services) -> None:
    ours = await belongings(app, services)
    for path in ("/", "/privacy", "/app/keys"):
        page = (await ask(app, "GET", path, ours.cookie | {"accept": "text/html"})).body.decode()
        assert 'href="/docs"' in page, path
