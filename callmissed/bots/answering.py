"""How a bot answers: read the thread, ask the gateway with no transaction open, keep the answer with its sources and price.

One reply per message, whatever happens twice. What fails ends in one honest sentence and a person in the queue.
"""

from dataclasses import dataclass
from uuid import UUID

from callmissed import conversations
from callmissed.bots import repository
from callmissed.bots.models import Bot
from callmissed.bots.sentences import failed
from callmissed.bots.service import bot_by_id
from callmissed.conversations import Author, Draft, Reason, State, Thread
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Completion, CompletionRequest, OwnKeys, complete
from callmissed.identity import residency

REMEMBERED = 12
"""Messages of the thread the model is shown."""
ROLES = {Author.CONTACT: "user", Author.BOT: "assistant", Author.TEAMMATE: "assistant"}
PAYMENT_REQUIRED = 402


@dataclass(frozen=True, slots=True)
class _Turn:
    """One message to answer: by which bot, from which sources, after which words."""

    bot: Bot
    sources: list[UUID]
    message_id: UUID
    language: str | None
    messages: list[dict[str, str]]
    india_only: bool


async def reply(services: Services, access: Access, conversation_id: UUID, message_id: UUID) -> None:
    """Answer one message of a contact, once. Silent when a person has been asked for or has the conversation."""
    async with services.db.tenant(access) as tx:
        turn = await _turn(tx, conversation_id, message_id)
        own = await services.get(OwnKeys).read(tx)
    if turn is None:
        return
    try:
        completion = await complete(
            services,
            access,
            CompletionRequest(model=turn.bot.model, messages=turn.messages),
            bot_id=turn.bot.id,
            conversation_id=conversation_id,
            sources=turn.sources,
            india_only=turn.india_only,
            own=own,
        )
    except Problem as problem:
        reason = Reason.WALLET_EMPTY if problem.status == PAYMENT_REQUIRED else Reason.BOT_FAILED
        await _give_up(services, access, conversation_id, turn, reason)
        return
    # house: broad-except whatever broke, the visitor is owed a word and a person; the job still fails and is written down
    except Exception:
        await _give_up(services, access, conversation_id, turn, Reason.BOT_FAILED)
        raise
    async with services.db.tenant(access) as tx:
        await conversations.add_message(tx, conversation_id, _answer(turn, completion))


async def _turn(tx: Tx, conversation_id: UUID, message_id: UUID) -> _Turn | None:
    """What to answer, or None when there is nothing to say any more."""
    thread = await conversations.thread(tx, conversation_id)
    asked = next((each for each in thread.messages if each.id == message_id), None)
    answered = any(each.client_ref == _ref(message_id) for each in thread.messages)
    if asked is None or answered or thread.state is not State.WITH_BOT:
        return None
    bot = await bot_by_id(tx, thread.bot_id)
    sources = await repository.source_ids(tx, bot.id)
    india_only = await residency.is_india_only(tx)
    messages = _messages(bot, thread, asked.ordinal)
    return _Turn(bot, sources, message_id, asked.language, messages, india_only)


def _messages(bot: Bot, thread: Thread, until: int) -> list[dict[str, str]]:
    said = [each for each in thread.messages if each.event is None and each.ordinal <= until]
    spoken = [{"role": ROLES[Author(each.author)], "content": each.text} for each in said[-REMEMBERED:]]
    return [*([{"role": "system", "content": bot.instructions}] if bot.instructions else []), *spoken]


def _answer(turn: _Turn, completion: Completion) -> Draft:
    return Draft(
        Author.BOT,
        completion.text,
        _ref(turn.message_id),
        turn.language,
        completion.citations,
        completion.price_micro,
        completion.usage_id,
    )


async def _give_up(
    services: Services, access: Access, conversation_id: UUID, turn: _Turn, reason: Reason
) -> None:
    async with services.db.tenant(access) as tx:
        sorry = Draft(Author.BOT, failed(turn.language), _ref(turn.message_id), turn.language)
        if await conversations.add_message(tx, conversation_id, sorry) is not None:
            await conversations.ask_for_person(tx, conversation_id, reason)


def _ref(message_id: UUID) -> str:
    return f"reply:{message_id}"
