"""Whatever is sent gets one clear error of the right shape, never a crash. Traps that are known; the others are looked for at random."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from starlette.types import ASGIApp

from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import create_key, revoke_key
from tests.support.belongings import QUESTION, Belongings, belongings
from tests.support.mailbox import newest_code
from tests.support.routes import JSON, Reply, ask, form

pytestmark = pytest.mark.database

PROGRAM = {"accept": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
CHAT = "/v1/chat/completions"
NUL, HALF = "a\0b", "a\ud800b"
DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.fixture(scope="session")
async def ours(app: ASGIApp, services: Services) -> Belongings:
    """A tenant that owns one of everything."""
    return await belongings(app, services)


def code_of(reply: Reply) -> str:
    """The code of an error, in either shape."""
    said = json.loads(reply.body)
    return said["code"] if "code" in said else said["error"]["code"]


def chat(**members: Any) -> bytes:
    """The body of a completion, changed."""
    whole = {"model": "local/extractive", "messages": [{"role": "user", "content": "When do you open?"}]}
    return json.dumps(whole | members).encode()


# The gateway


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"[]", 400, "invalid_request"),
        (b"null", 400, "invalid_request"),
        (b"\xff\xfe", 400, "malformed"),
        (b'{"model":"\xff"}', 400, "malformed"),
        (DEEP, 400, "invalid_request"),
        (b'{"model":"local/extractive","messages":' + DEEP + b"}", 400, "invalid_request"),
        (b'{"model":"local/extractive","messages":[{"role":"user","content":"x"}],"y":' + DEEP + b"}", 400, None),
        (chat(messages=[]), 400, "invalid_request"),
        (chat(messages=[{"role": "user", "content": "x"}] * 2_001), 400, "invalid_request"),
        (chat(messages=[{"role": "nobody", "content": "x"}]), 400, "invalid_request"),
        (chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}]), None, None),
        (chat(model="no/such"), 404, "model_not_found"),
        (chat(model=""), 400, "invalid_request"),
        (chat(model="m" * 201), 400, "invalid_request"),
        (chat(model=NUL), 404, "model_not_found"),
        (chat(max_tokens=-1), 400, "invalid_request"),
        (chat(max_tokens=10**30), None, None),
        (chat(n=10**30), 400, "invalid_request"),
        (chat(temperature=1e308), 400, "invalid_request"),
        (chat(messages=[{"role": "user", "content": NUL}]), None, None),
        (chat(messages=[{"role": "user", "content": HALF}]), 400, "malformed"),
        (chat(messages=[{"role": "system", "content": NUL}, {"role": "user", "content": "a?"}]), None, None),
    ],
)  # fmt: skip
async def test_completions_that_cannot_be_asked(app, ours, body, status, code) -> None:
    reply = await ask(app, "POST", CHAT, ours.key | JSON, body)
    assert reply.status < 500, reply.body
    assert status in {None, reply.status}, reply.body
    if reply.status >= 400:
        assert json.loads(reply.body)["error"].keys() == {"message", "type", "param", "code"}
        assert code in {None, code_of(reply)}


async def test_a_body_of_twenty_megabytes_is_refused_unread(app, ours) -> None:
    reply = await ask(app, "POST", CHAT, ours.key | JSON, b" " * 20_000_000)
    assert (reply.status, code_of(reply)) == (413, "too_large")
    lying = ours.key | JSON | {"content-length": "5"}
    assert (await ask(app, "POST", CHAT, lying, b" " * 20_000_000)).status == 413


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "key_missing"),
        (b"", "key_missing"),
        (b"Basic eDp5", "key_missing"),
        (b"Bearer", "key_missing"),
        (b"Bearer ", "key_malformed"),
        (b"Bearer \xff\xfe", "key_malformed"),
        (b"Bearer cm_" + b"0" * 38, "key_malformed"),
        (b"Bearer " + b"x" * 5_000, "key_malformed"),
        (b"Bearer sk-proj-abc", "key_malformed"),
    ],
)
async def test_keys_that_are_none(app, header, code) -> None:
    raw = [] if header is None else [(b"authorization", header)]
    reply = await ask(app, "POST", CHAT, JSON, QUESTION, raw=raw)
    assert (reply.status, code_of(reply)) == (401, code)


async def test_keys_that_were_revoked_or_have_expired(app, services, ours) -> None:
    async with services.db.tenant(ours.access) as tx:
        gone, brief = await create_key(tx, "gone"), await create_key(tx, "brief", days=1)
        await revoke_key(tx, gone.id)
    for made, days, code in ((gone, 0, "key_revoked"), (brief, 2, "key_expired")):
        with clock.travel(days=days):
            known = {"authorization": f"Bearer {made.secret}"}
            reply = await ask(app, "POST", CHAT, known | JSON, QUESTION)
        assert (reply.status, code_of(reply)) == (401, code)


# Text that no database keeps: NUL, and half of a surrogate pair


@pytest.mark.parametrize("bad", [NUL, HALF])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/app/bots", ["name", "greeting"]),
        ("/app/bots/{bot_id}", ["name", "greeting", "tagline", "model", "instructions", "origins"]),
        ("/app/keys", ["name", "allowed"]),
        ("/app/knowledge", ["title", "text"]),
        ("/app/inbox/{conversation_id}/reply", ["text", "client_ref"]),
        ("/sign-in", ["email", "next"]),
        ("/sign-in/code", ["code", "next"]),
        ("/welcome", ["full_name", "organisation", "phone", "next"]),
    ],
)
async def test_forms_refuse_what_is_no_text(app, ours, path, fields, bad) -> None:
    for field in fields:
        filled = {"name": "Care", "greeting": "Hello", "text": "Hello there", "title": "Hours"} | {field: bad}
        body = urlencode(filled, errors="surrogatepass").encode()
        reply = await ask(app, "POST", path.format(**ours.ids), ours.cookie | PROGRAM | FORM, body)
        assert reply.status < 500, (field, reply.body)
        if bad == NUL:
            assert (reply.status, code_of(reply)) == (422, "text_unusable"), field


@pytest.mark.parametrize("bad", [NUL, HALF])
async def test_the_widget_refuses_what_is_no_text(app, ours, bad) -> None:
    place = f"/widget/{ours.ids['widget_id']}/messages"
    body = json.dumps({"text": bad, "client_ref": "message-0002"}).encode()
    reply = await ask(app, "POST", place, ours.visitor | JSON, body)
    assert (reply.status, code_of(reply)) == (422, "text_unusable")


async def test_a_file_with_such_a_name_or_title_does_no_harm(app, ours) -> None:
    for name, title in (("a\0b.txt", "x"), ("a.txt", "a\0b"), ("\ufffe" * 300, "")):
        body = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\nWe open at nine.\r\n'
            f'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n--b--\r\n'
        ).encode()
        headers = ours.cookie | PROGRAM | {"content-type": "multipart/form-data; boundary=b"}
        reply = await ask(app, "POST", "/app/knowledge/files", headers, body)
        assert reply.status < 500, reply.body


@pytest.mark.parametrize(
    "address",
    [
        "/app/inbox?view=%00",
        "/privacy?view=\0",
        "/privacy?lang=%00",
        "/sign-in?next=%00",
        "/widget/a\0b/frame",
        "/privacy/evidence/a\0b.json",
        "/v1/models/a\0b",
        "/a\0b",
        "/static/a\0b/c",
    ],
)
async def test_addresses_refuse_it_too(app, ours, address) -> None:
    path, _, query = address.partition("?")
    reply = await ask(app, "GET", f"{path}?{query}" if query else path, ours.cookie | ours.key | PROGRAM)
    assert reply.status < 500, reply.body


# Numbers, names, headers, addresses


@pytest.mark.parametrize(
    "number", ["-1", "99999999999", "1" * 400, "1" * 5_000, "1e9", "NaN", "0x10", "१२", ""]
)
async def test_numbers_out_of_reach(app, ours, number) -> None:
    widget = ours.ids["widget_id"]
    read = await ask(app, "GET", f"/widget/{widget}/thread?after={quote(number)}", ours.visitor)
    assert read.status in {200, 422}, read.body
    body = f'{{"text":"x","client_ref":"message-0003","after":{number or "null"}}}'.encode()
    said = await ask(app, "POST", f"/widget/{widget}/messages", ours.visitor | JSON, body)
    assert said.status in {200, 400, 422, 429}, said.body
    made = await ask(
        app,
        "POST",
        "/app/keys",
        ours.cookie | PROGRAM | FORM,
        urlencode({"name": "n", "days": number}).encode(),
    )
    assert made.status in {200, 422}, made.body


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        ("/app/bots", {"name": "n" * 81, "greeting": "Hello"}, "bot_incomplete"),
        ("/app/bots", {"name": "n", "greeting": "g" * 501}, "bot_incomplete"),
        ("/app/bots", {"name": "n", "greeting": "g", "sources": "not-an-id"}, "invalid"),
        ("/app/bots/{bot_id}", {"name": "n", "greeting": "g", "model": "m" * 121}, "invalid"),
        ("/app/bots/{bot_id}", {"name": "n", "greeting": "g", "origins": "https://["}, "bot_origin_invalid"),
        ("/app/keys", {"name": "n" * 81, "allowed": "llm"}, "key_name_missing"),
        ("/app/keys", {"name": "n", "allowed": "everything"}, None),
        ("/app/knowledge", {"title": "t" * 10_000, "text": " "}, "document_empty"),
        ("/app/inbox/{conversation_id}/reply", {"text": "t" * 4_001}, "message_too_long"),
        ("/app/inbox/{conversation_id}/reply", {"text": "t", "client_ref": "c" * 51}, "invalid"),
        ("/sign-in", {"email": "a" * 65 + "@namuna.example"}, "email_unusable"),
        ("/sign-in", {"email": "a@" + "b" * 300 + ".example"}, "email_unusable"),
        ("/sign-in", {"email": "a@[127.0.0.1"}, "email_unusable"),
        ("/sign-in", {"email": "a@b@namuna.example"}, "email_unusable"),
    ],
)
async def test_names_that_are_too_long_or_none(app, ours, path, fields, code) -> None:
    headers, body = form(**fields)
    reply = await ask(app, "POST", path.format(**ours.ids), ours.cookie | PROGRAM | headers, body)
    assert 400 <= reply.status < 500, reply.body
    assert code in {None, code_of(reply)}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ([(b"host", b"evil.example")], 421),
        ([(b"host", b"[")], 421),
        ([(b"host", b"[::1")], 421),
        ([(b"host", b"\xff")], 421),
        ([(b"host", b"")], 421),
        ([(b"host", b"127.0.0.1:99999999")], None),
        ([(b"host", b"127.0.0.1"), (b"origin", b"http://[")], 403),
        ([(b"host", b"127.0.0.1"), (b"origin", b"\xff\xff")], 403),
        ([(b"host", b"127.0.0.1"), (b"content-length", b"-1")], 400),
        ([(b"host", b"127.0.0.1"), (b"content-length", b"many")], 400),
        ([(b"host", b"127.0.0.1"), (b"cookie", b"cm_session=\xff\xfe; cm_lang=\x00; =; ;;")], None),
        ([(b"host", b"127.0.0.1"), (b"accept-language", b"hi;q=nan,en;q=inf,;q=,\xff")], None),
        ([(b"host", b"127.0.0.1"), (b"accept", b"\xff text/html")], None),
        ([(b"host", b"127.0.0.1"), (b"user-agent", b"\xff" * 5_000)], None),
    ],
)
async def test_headers_that_make_no_sense(app, raw, status) -> None:
    for method in ("GET", "POST"):
        reply = await bare(app, method, "/sign-in", raw)
        assert reply.status < 500, (method, reply.body)
        if status is not None and (method == "POST" or not any(name == b"origin" for name, _ in raw)):
            assert reply.status == status, method


async def bare(app: ASGIApp, method: str, path: str, raw: list[tuple[bytes, bytes]]) -> Reply:
    """A request with these headers and no other."""

    async def without_host(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = raw
        await app(scope, receive, send)

    return await ask(without_host, method, path)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=\xe9",
        "a/b/c",
    ],
)
async def test_bodies_of_another_kind(app, ours, kind) -> None:
    for path in (
        "/app/bots",
        "/app/knowledge/files",
        f"/widget/{ours.ids['widget_id']}/messages",
        "/sign-in",
    ):
        raw = [(b"content-type", kind.encode("latin-1"))] if kind else []
        reply = await ask(app, "POST", path, ours.cookie | ours.visitor | PROGRAM, b"\0\xff{", raw=raw)
        assert 400 <= reply.status < 500, (path, reply.status)
        assert reply.kind == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/privacy/", "/app/inbox/", "/docs/problems/", "/docs//problems", "/v1/models/", "//"]
)
async def test_slashes_too_many(app, ours, path) -> None:
    reply = await ask(app, "GET", path, ours.cookie | ours.key | PROGRAM)
    assert reply.status in {307, 404}
    if reply.status == 307:
        there = reply.headers["location"]
        assert there == f"http://127.0.0.1{path.rstrip('/')}"


@pytest.mark.parametrize(
    "address",
    [
        "/app/inbox?view=all&view=nothing",
        "/app/keys?new=1&new=2",
        "/app/inbox?view=",
        "/privacy?lang=hi&lang=xx",
        "/?%",
        "/?a=%zz",
    ],
)
async def test_parameters_twice_or_broken(app, ours, address) -> None:
    reply = await ask(app, "GET", address, ours.cookie | PROGRAM)
    assert reply.status in {200, 422}, reply.body


# Codes


async def test_codes_wrong_used_expired_and_guessed(app, services) -> None:
    address = f"p{uuid7().hex}@namuna.example"
    headers, body = form(email=address)
    waiting = {
        "cookie": (await ask(app, "POST", "/sign-in", headers, body)).headers["set-cookie"].split(";")[0]
    }
    code = await newest_code(services, address)

    async def tried(typed: str) -> str:
        headers, body = form(code=typed)
        reply = await ask(app, "POST", "/sign-in/code", waiting | PROGRAM | headers, body)
        return "in" if reply.status == 303 else f"{reply.status} {code_of(reply)}"

    assert await tried("12345") == "422 code_incomplete"
    assert await tried("१२३४५६") == "422 code_incomplete"
    assert await tried(f"{(int(code) + 1) % 1_000_000:06}") == "401 code_wrong"
    with clock.travel(days=1):
        assert await tried(code) == "401 code_expired"
    assert await tried(code) == "in"
    assert await tried(code) == "401 code_used"
