"""The first journey: sign up → key → paid call → knowledge and bot → visitor → inbox → usage and wallet → policy.

Everything over HTTP on a live server, as people and programs do it; the official OpenAI client makes the calls.
"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import openai
import pytest

from callmissed.foundation.services import Services

KNOWLEDGE = """# Opening hours

The workshop in Nashik is open from Monday to Friday, 8:15 to 17:45. On Saturday it is closed.

# Prices

A pressure cooker repair costs ₹240. A mixer repair costs ₹380, parts extra.
"""


@pytest.fixture(scope="module")
async def owner(live_server: str) -> AsyncGenerator[httpx.AsyncClient]:
    """Somebody's browser, before they signed up."""
    async with httpx.AsyncClient(base_url=live_server, headers={"accept": "text/html"}, timeout=30) as client:
        yield client


async def code_for(client: httpx.AsyncClient, email: str) -> str:
    """The code in the newest letter of the outbox to this address."""
    for _ in range(100):
        outbox = (await client.get("/outbox")).text
        if email in outbox:
            letters = re.findall(r'href="(/outbox/[0-9a-f-]+)"', outbox)
            for letter in letters:
                text = (await client.get(letter)).text
                found = re.search(r"\b(\d{6})\b", re.sub(r"<[^>]+>", " ", text))
                if email in text and found:
                    return found[1]
        await asyncio.sleep(0.1)
    raise AssertionError("no letter came")


async def sign_up(client: httpx.AsyncClient, email: str) -> None:
    """Through the pages: address, code, who you are."""
    asked = await client.post("/sign-in", data={"email": email}, follow_redirects=True)
    assert asked.status_code == 200, asked.text
    entered = await client.post(
        "/sign-in/code", data={"code": await code_for(client, email)}, follow_redirects=True
    )
    assert entered.status_code == 200, entered.text
    assert "/welcome" in str(entered.url)
    told = {"full_name": "Ravi Canary", "organisation": "Nashik Cooker Works", "adult": "on"}
    done = await client.post("/welcome", data=told, follow_redirects=True)
    assert done.status_code == 200, done.text
    assert "/app/" in str(done.url)


async def test_the_first_journey(owner: httpx.AsyncClient, live_server: str, live_services: Services) -> None:
    """One story from the first page to the last."""
    await sign_up(owner, f"ravi-{uuid.uuid4().hex[:8]}@canary.example")

    shown = await owner.post("/app/keys", data={"name": "journey", "allowed": "llm"}, follow_redirects=True)
    assert shown.status_code == 200, shown.text
    secrets = set(re.findall(r"cm_[0-9A-Za-z]{30,}", shown.text))
    assert len(secrets) == 1, "the key is shown once"
    secret = secrets.pop()
    assert secret not in (await owner.get("/app/keys")).text

    await wait_for_credit(owner)
    spent = await paid_calls(live_server, secret)
    usage = await owner.get("/app/usage")
    assert "local/extractive" in usage.text
    assert usage.text.count("local/extractive") >= spent
    wallet = await owner.get("/app/wallet")
    assert "₹99." in wallet.text, "the welcome credit less some paise"

    widget_id = await make_bot(owner)
    await a_visitor_is_answered(owner, live_server, widget_id)

    policy = await owner.get("/privacy")
    assert policy.status_code == 200
    assert "entity.published" in policy.text


async def wait_for_credit(owner: httpx.AsyncClient) -> None:
    """The welcome credit comes with a job; on a busy machine jobs wait for their turn."""
    for _ in range(400):
        if "₹100" in (await owner.get("/app/wallet")).text:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no welcome credit")


async def paid_calls(live_server: str, secret: str) -> int:
    """Through the official client, streamed and not. Returns how many calls were made."""
    async with openai.AsyncOpenAI(base_url=f"{live_server}/v1", api_key=secret, max_retries=0) as api:
        models = [model.id async for model in await api.models.list()]
        assert "local/extractive" in models
        messages: Any = [
            {"role": "system", "content": KNOWLEDGE},
            {"role": "user", "content": "How much does a mixer repair cost?"},
        ]
        whole = await api.chat.completions.create(model="local/extractive", messages=messages)
        assert "₹380" in (whole.choices[0].message.content or "")
        assert whole.usage
        assert whole.usage.prompt_tokens > 20
        text = ""
        stream = await api.chat.completions.create(
            model="local/extractive", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        usage = None
        async for chunk in stream:
            usage = chunk.usage or usage
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
        assert text == whole.choices[0].message.content
        assert usage
        assert usage.completion_tokens == whole.usage.completion_tokens
        with pytest.raises(openai.NotFoundError):
            await api.chat.completions.create(model="no/such", messages=messages)
    return 2


async def make_bot(owner: httpx.AsyncClient) -> str:
    """Knowledge pasted, a bot made that may use it. Returns its widget's id."""
    added = await owner.post(
        "/app/knowledge", data={"title": "Workshop", "text": KNOWLEDGE}, follow_redirects=True
    )
    assert added.status_code == 200, added.text
    source = re.search(r"/app/knowledge/([0-9a-f-]{36})", added.text)
    assert source
    made = await owner.post(
        "/app/bots",
        data={"name": "Workshop bot", "greeting": "Namaste!", "sources": source[1]},
        follow_redirects=True,
    )
    assert made.status_code == 200, made.text
    widget = re.search(r"/widget/([\w-]+)", made.text)
    assert widget
    return widget[1].removesuffix(".js")


async def a_visitor_is_answered(owner: httpx.AsyncClient, live_server: str, widget_id: str) -> None:
    """Asked, answered with the source, declined where nothing is known; a person takes over and hands back."""
    async with httpx.AsyncClient(base_url=live_server, timeout=30) as visitor:
        begun = (await visitor.post(f"/widget/{widget_id}/sessions")).json()
        visitor.headers["authorization"] = f"Bearer {begun['token']}"
        answer = await say(visitor, widget_id, "When are you open on Monday?")
        assert "8:15" in json.dumps(answer, ensure_ascii=False)
        assert "Workshop" in json.dumps(answer, ensure_ascii=False), "the source is named"
        declined = await say(visitor, widget_id, "Who won the cricket world cup in 1983?")
        assert "8:15" not in json.dumps(declined[-1:], ensure_ascii=False)
        await visitor.post(f"/widget/{widget_id}/person", json={"after": 0})

        inbox = (await owner.get("/app/inbox")).text
        found = re.search(r"/app/inbox/([0-9a-f-]{36})", inbox)
        assert found, "the conversation stands in the inbox"
        assert (
            await owner.post(f"/app/inbox/{found[1]}/take-over", follow_redirects=True)
        ).status_code == 200
        replied = await owner.post(
            f"/app/inbox/{found[1]}/reply",
            data={"text": "Ravi here.", "client_ref": uuid.uuid4().hex},
            follow_redirects=True,
        )
        assert replied.status_code == 200, replied.text
        thread = (await visitor.get(f"/widget/{widget_id}/thread")).json()
        assert "Ravi here." in json.dumps(thread)
        assert (
            await owner.post(f"/app/inbox/{found[1]}/hand-back", follow_redirects=True)
        ).status_code == 200


async def say(visitor: httpx.AsyncClient, widget_id: str, text: str) -> list[Any]:
    """Say something and wait until the bot has answered. Returns the messages after it."""
    before = len((await visitor.get(f"/widget/{widget_id}/thread")).json()["messages"])
    sent = await visitor.post(
        f"/widget/{widget_id}/messages", json={"text": text, "client_ref": uuid.uuid4().hex}
    )
    assert sent.status_code == 200, sent.text
    for _ in range(100):
        messages: list[Any] = (await visitor.get(f"/widget/{widget_id}/thread")).json()["messages"]
        if len(messages) > before + 1 and messages[-1]["author"] == "bot":
            return messages[before + 1 :]
        await asyncio.sleep(0.1)
    raise AssertionError("no answer")
