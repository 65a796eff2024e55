"""A bot: answers once with its sources, declines honestly, calls a person, and never loses a message."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from callmissed import bots, contacts, conversations
from callmissed.billing import grant
from callmissed.bots import BotForm, BotNotFound
from callmissed.bots import reply as reply_now
from callmissed.bots.problems import BotIncomplete, OriginInvalid
from callmissed.conversations import Author, Reason, State
from callmissed.foundation.ids import uuid7
from callmissed.foundation.jobs import Worker
from callmissed.foundation.money import rupees
from callmissed.foundation.tenancy import Access, Actor
from callmissed.gateway import complete
from callmissed.knowledge import add_text

pytestmark = pytest.mark.database

PRICES = """# Prices
An inspection visit costs ₹399. The fee is waived when the repair is done.
An AC gas refill costs ₹2,800.

# Warranty
Every repair has a warranty of 30 days."""


@pytest.fixture
async def access(services) -> Access:
    """The standing of a job in a workspace with money in its wallet."""
    access = Access.system(uuid7())
    async with services.db.tenant(access) as tx:
        await grant(tx, rupees(500), "welcome", uuid7())
    return access


@pytest.fixture
async def talk(services, access) -> "Talk":
    return await Talk.begin(services, access)


class Talk:
    """One visitor with a bot that knows the prices."""

    def __init__(
        self, services, access: Access, bot_id: UUID, contact_id: UUID, conversation_id: UUID
    ) -> None:
        self.services, self.access = services, access
        self.bot_id, self.contact_id, self.conversation_id = bot_id, contact_id, conversation_id
        self.count = 0

    @classmethod
    async def begin(cls, services, access: Access) -> "Talk":
        async with services.db.tenant(access) as tx:
            source = await add_text(tx, "Price list", PRICES)
            bot = await bots.create_bot(tx, name="Care", greeting="Hello", sources=[source.id])
            contact = await contacts.meet(tx, contacts.VISITOR, uuid7().hex, language="en")
            opened = await conversations.open_conversation(tx, contact.id, channel="webchat", bot_id=bot.id)
        return cls(services, access, bot.id, contact.id, opened.id)

    async def says(self, text: str) -> UUID:
        self.count += 1
        async with self.services.db.tenant(self.access) as tx:
            receipt = await bots.hear(tx, self.conversation_id, text, client_ref=f"visitor-{self.count}")
        return receipt.message_id

    async def asks(self, text: str) -> conversations.Thread:
        await reply_now(self.services, self.access, self.conversation_id, await self.says(text))
        return await self.thread()

    async def thread(self) -> conversations.Thread:
        async with self.services.db.tenant(self.access) as tx:
            return await conversations.thread(tx, self.conversation_id)


async def test_it_answers_from_its_source_and_says_what_it_cost(talk):
    thread = await talk.asks("What does an inspection visit cost?")
    answer = thread.messages[-1]
    assert answer.author == Author.BOT
    assert "399" in answer.text
    assert answer.citations[0]["title"] == "Price list"
    assert "waived" in answer.citations[0]["text"]
    assert answer.price_micro > 0
    assert answer.usage_ref is not None


async def test_it_says_that_it_does_not_know(talk):
    thread = await talk.asks("Who won the cricket match yesterday?")
    assert "don't know" in thread.messages[-1].text
    assert list(thread.messages[-1].citations) == []
    assert thread.state is State.WITH_BOT


async def test_one_reply_per_message_however_often_the_job_runs(talk):
    message_id = await talk.says("What does a gas refill cost?")
    await asyncio.gather(
        *(reply_now(talk.services, talk.access, talk.conversation_id, message_id) for _ in range(3))
    )
    await reply_now(talk.services, talk.access, talk.conversation_id, message_id)
    thread = await talk.thread()
    assert [each.author for each in thread.messages] == [Author.CONTACT, Author.BOT]


async def test_the_reply_is_a_job_born_with_the_message(talk, installation):
    await talk.says("What does a gas refill cost?")
    await Worker(installation.data_plane("cm_worker").psycopg, talk.services).run_due()
    thread = await talk.thread()
    assert "2,800" in thread.messages[-1].text


async def test_a_message_said_twice_is_answered_once(talk, installation):
    for _ in range(2):
        async with talk.services.db.tenant(talk.access) as tx:
            await bots.hear(tx, talk.conversation_id, "Gas refill cost?", client_ref="the-same-message")
    await Worker(installation.data_plane("cm_worker").psycopg, talk.services).run_due()
    assert [each.author for each in (await talk.thread()).messages] == [Author.CONTACT, Author.BOT]


@pytest.mark.parametrize("text", ["I want to talk to a person", "किसी इंसान से बात कराइए", "koi insaan hai?"])
async def test_asking_for_a_person_brings_one_instead_of_an_answer(talk, text):
    thread = await talk.asks(text)
    assert thread.state is State.WAITING
    assert thread.messages[-1].event == "asked_for_person"
    assert thread.messages[-1].reason == Reason.WANTS_PERSON
    assert all(each.author != Author.BOT for each in thread.messages)


async def test_it_is_silent_while_a_teammate_has_it_and_answers_when_handed_back(talk, installation):
    imran = Access(talk.access.tenant_id, Actor("user", uuid7()), frozenset({"inbox.reply"}))
    async with talk.services.db.tenant(imran) as tx:
        await conversations.take_over(tx, talk.conversation_id)
    thread = await talk.asks("How long is the warranty?")
    assert thread.messages[-1].author == Author.CONTACT
    async with talk.services.db.tenant(imran) as tx:
        await bots.hand_back(tx, talk.conversation_id)
    await Worker(installation.data_plane("cm_worker").psycopg, talk.services).run_due()
    thread = await talk.thread()
    assert thread.messages[-1].author == Author.BOT
    assert "30 days" in thread.messages[-1].text


async def test_an_empty_wallet_is_said_in_one_sentence_and_a_person_is_called(services):
    talk = await Talk.begin(services, Access.system(uuid7()))
    thread = await talk.asks("What does an inspection cost?")
    question, sorry, called = thread.messages
    assert question.text == "What does an inspection cost?"
    assert "cannot answer right now" in sorry.text
    assert (called.event, called.reason) == ("asked_for_person", Reason.WALLET_EMPTY)
    assert thread.state is State.WAITING


async def test_a_bug_below_still_leaves_the_visitor_with_a_word_and_a_person(talk, monkeypatch):
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    # house: mock a bug of ours, or a look at one moment, cannot be ordered otherwise
    monkeypatch.setattr("callmissed.bots.answering.complete", broken)
    message_id = await talk.says("क्या वारंटी है?")
    with pytest.raises(ZeroDivisionError):
        await reply_now(talk.services, talk.access, talk.conversation_id, message_id)
    thread = await talk.thread()
    assert thread.state is State.WAITING
    assert "सुरक्षित" in thread.messages[1].text
    # house: mock a bug of ours, or a look at one moment, cannot be ordered otherwise
    monkeypatch.setattr("callmissed.bots.answering.complete", complete)
    await reply_now(talk.services, talk.access, talk.conversation_id, message_id)
    assert len((await talk.thread()).messages) == len(thread.messages), "the retried job says nothing twice"


async def test_no_transaction_is_open_while_the_gateway_is_asked(talk, monkeypatch):
    checked_out: list[int] = []

    async def watching(*arguments: Any, **options: Any) -> object:
        checked_out.append(talk.services.db.engine.pool.checkedout())
        return await complete(*arguments, **options)

    # house: mock a bug of ours, or a look at one moment, cannot be ordered otherwise
    monkeypatch.setattr("callmissed.bots.answering.complete", watching)
    await talk.asks("What does a gas refill cost?")
    assert checked_out == [0]


async def test_a_bot_is_changed_and_unknown_to_others(services, talk):
    form = BotForm("Care", "Namaste", allowed_origins=["https://garamthanda.example/"])
    async with services.db.tenant(talk.access) as tx:
        bot = await bots.change_bot(tx, talk.bot_id, form)
        assert bot.allowed_origins == ["https://garamthanda.example"]
        assert await bots.sources_of(tx, talk.bot_id) == []
    with pytest.raises(BotNotFound):
        async with services.db.tenant(Access.system(uuid7())) as tx:
            await bots.change_bot(tx, talk.bot_id, form)


@pytest.mark.parametrize(
    "origin",
    [
        "garamthanda.example",
        "javascript:alert(1)",
        "https://a.example; script-src *",
        "https://a.example/x",
        "*",
    ],
)
async def test_only_origins_enter_the_security_policy(services, talk, origin):
    with pytest.raises(OriginInvalid):
        async with services.db.tenant(talk.access) as tx:
            await bots.change_bot(tx, talk.bot_id, BotForm("Care", "Hello", allowed_origins=[origin]))


@pytest.mark.parametrize(("name", "greeting"), [("", "Hello"), ("Care", " "), ("x" * 81, "Hello")])
async def test_a_bot_needs_a_name_and_a_greeting(services, talk, name, greeting):
    with pytest.raises(BotIncomplete):
        async with services.db.tenant(talk.access) as tx:
            await bots.change_bot(tx, talk.bot_id, BotForm(name, greeting))
