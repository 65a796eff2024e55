"""A conversation: said once, held by one, told at once, erased for good."""

import asyncio
from uuid import UUID

import pytest

from callmissed import contacts, conversations
from callmissed.conversations import Author, Draft, Reason, State
from callmissed.conversations.problems import (
    ConversationNotFound,
    HeldByTeammate,
    MessageEmpty,
    MessageTooLong,
    NotYours,
)
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor

BOT = uuid7()
PERMISSIONS = frozenset({"inbox.read", "inbox.reply"})

pytestmark = pytest.mark.database


def teammate(access: Access) -> Access:
    return Access(access.tenant_id, Actor("user", uuid7()), PERMISSIONS)


def visitor(access: Access, contact_id: UUID) -> Access:
    return Access(access.tenant_id, Actor("visitor", contact_id), frozenset({"widget.chat"}))


def words(text: str, ref: str = "") -> Draft:
    return Draft(Author.CONTACT, text, ref or str(uuid7()), "en")


@pytest.fixture
def access() -> Access:
    return Access.system(uuid7())


@pytest.fixture
async def opened(services: Services, access: Access) -> tuple[UUID, UUID]:
    """A contact and their conversation with one message in it."""
    async with services.db.tenant(access) as tx:
        contact = await contacts.meet(tx, contacts.VISITOR, uuid7().hex, language="en")
        conversation = await conversations.open_conversation(tx, contact.id, channel="webchat", bot_id=BOT)
        await conversations.add_message(tx, conversation.id, words("The AC is leaking", "first-message"))
    return contact.id, conversation.id


async def test_what_was_said_is_read_back_and_stored_sealed(services, access, opened):
    contact_id, conversation_id = opened
    async with services.db.tenant(access) as tx:
        thread = await conversations.thread(tx, conversation_id)
        raw = await (await tx.driver()).execute("SELECT body FROM message")
        stored = [row[0] for row in await raw.fetchall()]
    assert [each.text for each in thread.messages] == ["The AC is leaking"]
    assert thread.contact_id == contact_id
    assert all(b"leaking" not in blob for blob in stored)


async def test_a_retried_message_is_said_once(services, access, opened):
    _, conversation_id = opened

    async def send() -> bool:
        async with services.db.tenant(access) as tx:
            receipt = await conversations.add_message(tx, conversation_id, words("again", "same-reference"))
        assert receipt is not None
        return receipt.is_new

    assert sorted(await asyncio.gather(*(send() for _ in range(4)))) == [False, False, False, True]
    async with services.db.tenant(access) as tx:
        thread = await conversations.thread(tx, conversation_id)
    assert [each.ordinal for each in thread.messages] == [1, 2]


async def test_messages_written_at_the_same_time_all_get_a_place(services, access, opened):
    _, conversation_id = opened

    async def send(n: int) -> None:
        async with services.db.tenant(access) as tx:
            await conversations.add_message(tx, conversation_id, words(f"message {n}"))

    await asyncio.gather(*(send(n) for n in range(6)))
    async with services.db.tenant(access) as tx:
        thread = await conversations.thread(tx, conversation_id)
    assert [each.ordinal for each in thread.messages] == list(range(1, 8))
    assert thread.unread == 7


@pytest.mark.parametrize(
    ("text", "problem"), [("", MessageEmpty), ("  \n\0", MessageEmpty), ("x" * 4001, MessageTooLong)]
)
async def test_what_cannot_be_said(services, access, opened, text, problem):
    with pytest.raises(problem):
        async with services.db.tenant(access) as tx:
            await conversations.add_message(tx, opened[1], words(text))


async def test_odd_characters_are_kept_or_replaced_but_never_fatal(services, access, opened):
    async with services.db.tenant(access) as tx:
        await conversations.add_message(tx, opened[1], words("नमस्ते 👋🏽 \ud800 \0 end"))
        thread = await conversations.thread(tx, opened[1])
    assert thread.messages[-1].text == "नमस्ते 👋🏽 ?  end"


async def test_nobody_reaches_the_conversation_of_another_tenant(services, opened):
    stranger = Access.system(uuid7())
    for verb in (
        conversations.thread,
        conversations.take_over,
        conversations.resolve,
        conversations.hand_back,
    ):
        with pytest.raises(ConversationNotFound):
            async with services.db.tenant(stranger) as tx:
                await verb(tx, opened[1])


async def test_a_visitor_reaches_only_their_own_conversation(services, access, opened):
    async with services.db.tenant(access) as tx:
        other = await contacts.meet(tx, contacts.VISITOR, uuid7().hex, language="en")
    async with services.db.tenant(visitor(access, opened[0])) as tx:
        assert (await conversations.thread(tx, opened[1])).id == opened[1]
    with pytest.raises(ConversationNotFound):
        async with services.db.tenant(visitor(access, other.id)) as tx:
            await conversations.thread(tx, opened[1])


async def test_take_over_answer_hand_back(services, access, opened):
    conversation_id = opened[1]
    imran = teammate(access)
    async with services.db.tenant(access) as tx:
        assert await conversations.ask_for_person(tx, conversation_id)
        assert not await conversations.ask_for_person(tx, conversation_id), "asked once"
    async with services.db.tenant(imran) as tx:
        await conversations.take_over(tx, conversation_id)
        await conversations.add_message(tx, conversation_id, Draft(Author.TEAMMATE, "I am on my way", "t1"))
        thread = await conversations.thread(tx, conversation_id)
    assert thread.state is State.WITH_TEAMMATE
    assert thread.assigned_user_id == imran.actor.id
    assert thread.unread == 0
    assert [each.event for each in thread.messages] == [None, "asked_for_person", "taken_over", None]
    assert thread.messages[1].reason == Reason.WANTS_PERSON
    assert thread.messages[2].author_id == imran.actor.id
    async with services.db.tenant(imran) as tx:
        await conversations.hand_back(tx, conversation_id)
        thread = await conversations.thread(tx, conversation_id)
    assert thread.state is State.WITH_BOT
    assert thread.assigned_user_id is None


async def test_the_bot_is_silent_while_a_person_is_asked_for_or_has_it(services, access, opened):
    answer = Draft(Author.BOT, "Here I am", "bot-1")
    async with services.db.tenant(access) as tx:
        await conversations.ask_for_person(tx, opened[1])
        assert await conversations.add_message(tx, opened[1], answer) is None
    async with services.db.tenant(teammate(access)) as tx:
        await conversations.take_over(tx, opened[1])
    async with services.db.tenant(access) as tx:
        assert await conversations.add_message(tx, opened[1], answer) is None


async def test_a_teammate_answers_only_what_they_have_taken_over(services, access, opened):
    imran, nisha = teammate(access), teammate(access)
    draft = Draft(Author.TEAMMATE, "Hello", "t1")
    with pytest.raises(NotYours):
        async with services.db.tenant(imran) as tx:
            await conversations.add_message(tx, opened[1], draft)
    async with services.db.tenant(imran) as tx:
        await conversations.take_over(tx, opened[1])
    for verb in (conversations.hand_back, conversations.resolve):
        with pytest.raises(HeldByTeammate):
            async with services.db.tenant(nisha) as tx:
                await verb(tx, opened[1])
    async with services.db.tenant(nisha) as tx:
        await conversations.take_over(tx, opened[1])
    with pytest.raises(NotYours):
        async with services.db.tenant(imran) as tx:
            await conversations.add_message(tx, opened[1], draft)


async def test_a_resolved_conversation_reopens_when_the_contact_writes(services, access, opened):
    async with services.db.tenant(teammate(access)) as tx:
        await conversations.resolve(tx, opened[1])
    async with services.db.tenant(access) as tx:
        await conversations.add_message(tx, opened[1], words("One more thing"))
        thread = await conversations.thread(tx, opened[1])
    assert thread.state is State.WITH_BOT
    assert [each.event for each in thread.messages] == [None, "resolved", "reopened", None]


async def test_the_inbox_lists_by_who_has_it(services, access, opened):
    async with services.db.tenant(access) as tx:
        assert [line.preview for line in await conversations.inbox(tx, "with_bot")] == ["The AC is leaking"]
        assert await conversations.inbox(tx, "waiting") == []
        await conversations.ask_for_person(tx, opened[1])
        [line] = await conversations.inbox(tx, "waiting")
        assert line.preview == "The AC is leaking"
        assert line.thread.waiting_since is not None
        assert await conversations.counts(tx) == {"waiting": 1, "with_bot": 0, "all": 1}


async def test_every_change_is_told_to_the_inbox_and_to_the_thread(services, access, opened):
    heard: list[str] = []

    async def listen(topic: str) -> None:
        async for news in services.live.listen(topic):
            heard.append(f"{topic.split(':', maxsplit=1)[0]} {news['conversation']}")

    topics = (conversations.inbox_topic(access.tenant_id), conversations.thread_topic(opened[1]))
    listeners = [asyncio.create_task(listen(topic)) for topic in topics]
    await asyncio.sleep(0.05)
    async with services.db.tenant(access) as tx:
        await conversations.ask_for_person(tx, opened[1])
        await asyncio.sleep(0.1)
        assert heard == [], "news before the commit would send readers to an old state"
    await asyncio.sleep(0.3)
    for each in listeners:
        each.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    assert sorted(heard) == [f"conversation {opened[1]}", f"inbox {opened[1]}"]


async def test_an_erased_contact_is_unreadable_and_gone(services, access, opened):
    contact_id, conversation_id = opened
    async with services.db.tenant(access) as tx:
        survivor = await contacts.meet(tx, contacts.VISITOR, uuid7().hex, language="hi")
        kept = await conversations.open_conversation(tx, survivor.id, channel="webchat", bot_id=BOT)
        await conversations.add_message(tx, kept.id, words("I stay"))
        exported = await contacts.export_contact(tx, contact_id)
    assert exported["conversations"][0]["text"] == "The AC is leaking"
    erased = await contacts.erase_contact(services.db, access, contact_id)
    assert erased.rows["conversations"] == 2
    assert len(erased.keys) >= 2, "one key for the contact, one for what was said"
    async with services.db.tenant(access) as tx:
        assert (await conversations.thread(tx, kept.id)).messages[0].text == "I stay"
    with pytest.raises(ConversationNotFound):
        async with services.db.tenant(access) as tx:
            await conversations.thread(tx, conversation_id)


async def test_a_row_that_outlives_its_key_shows_nothing(services, access, opened):
    """The erasure is interrupted after the keys: the words are gone already, whatever rows still stand."""
    await services.db.vault.erase_person(access.tenant_id, opened[0])
    async with services.db.tenant(access) as tx:
        thread = await conversations.thread(tx, opened[1])
    assert [each.text for each in thread.messages] == [""]
    await contacts.erase_contact(services.db, access, opened[0])
    with pytest.raises(contacts.ContactNotFound):
        await contacts.erase_contact(services.db, access, opened[0])
