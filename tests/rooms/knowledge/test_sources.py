"""Sources are kept, listed, found and removed; one tenant's are nobody else's."""

import asyncio

import pytest

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.knowledge import (
    add_text,
    answer,
    extract,
    list_sources,
    passages_of,
    problems,
    remove_source,
    retrieve,
    retrieve_in_text,
    service,
    store,
)
from tests.support.make import Make

SHOP = "# Shop\n\nWe sharpen scissors for ₹80. The shop opens at 11 am."


async def test_a_text_is_kept_found_and_removed(services: Services, make: Make) -> None:
    access = make.access()
    async with services.db.tenant(access) as tx:
        kept = await add_text(tx, "Shop", SHOP)
        assert (kept.state, kept.kind, kept.language, kept.passages) == ("ready", "text", "en", 1)
    async with services.db.tenant(access) as tx:
        found = await retrieve(tx, "scissors price")
        assert [(p.source_id, p.title, p.heading) for p in found] == [(kept.id, "Shop", "Shop")]
        assert 0 < found[0].score <= 1
        assert [(p.ordinal, p.heading) for p in await passages_of(tx, kept.id)] == [(1, "Shop")]
        await remove_source(tx, kept.id)
    async with services.db.tenant(access) as tx:
        assert await retrieve(tx, "scissors price") == []
        assert await list_sources(tx) == []


async def test_the_same_document_is_kept_once(services: Services, make: Make) -> None:
    access = make.access()
    async with services.db.tenant(access) as tx:
        first = await add_text(tx, "Shop", SHOP)
        assert (await add_text(tx, "Shop", SHOP)).id == first.id
        assert len(await list_sources(tx)) == 1


async def test_a_failed_file_is_listed_with_its_problem_and_can_be_mended(
    services: Services, make: Make
) -> None:
    access = make.access()
    with pytest.raises(problems.PdfBroken) as broken:
        await extract(b"%PDF-1.7 nothing", "prices.pdf")
    async with services.db.tenant(access) as tx:
        failed = await service.store_failure(tx, "prices.pdf", b"%PDF-1.7 nothing", broken.value)
        assert (failed.title, failed.state, failed.problem) == ("prices", "failed", "pdf_broken")
        assert await retrieve(tx, "prices") == []
        assert [each.id for each in await list_sources(tx)] == [failed.id]


async def test_retrieval_keeps_to_the_sources_it_is_given(services: Services, make: Make) -> None:
    access = make.access()
    async with services.db.tenant(access) as tx:
        one = await add_text(tx, "One", "Scissors cost ₹80.")
        two = await add_text(tx, "Two", "Scissors cost ₹95.")
        for only in (one, two):
            assert {p.source_id for p in await retrieve(tx, "scissors", sources=[only.id])} == {only.id}
        assert await retrieve(tx, "scissors", sources=[]) == []
        assert len(await retrieve(tx, "scissors")) == 2


async def test_nobody_finds_lists_or_removes_another_tenants_source(services: Services, make: Make) -> None:
    ours, theirs = make.access(), make.access()
    async with services.db.tenant(ours) as tx:
        source = await add_text(tx, "Secret", "The secret recipe uses saffron.")
        # The canary can be seen by its owner: an empty answer below would otherwise prove nothing.
        assert await retrieve(tx, "saffron recipe")
    async with services.db.tenant(theirs) as tx:
        assert await retrieve(tx, "saffron recipe") == []
        assert await retrieve(tx, "saffron recipe", sources=[source.id]) == []
        assert await list_sources(tx) == []
        with pytest.raises(problems.SourceNotFound):
            await service.source(tx, source.id)
        with pytest.raises(problems.SourceNotFound):
            await remove_source(tx, source.id)
        with pytest.raises(problems.SourceNotFound):
            await passages_of(tx, source.id)
        # A word that only the other tenant has must not correct ours: that would tell that it exists.
        await add_text(tx, "Own", "We sell turmeric.")
        assert await retrieve(tx, "safron") == []
    async with services.db.tenant(ours) as tx:
        assert await retrieve(tx, "saffron recipe")


async def test_the_same_document_in_two_tenants_is_two_sources(services: Services, make: Make) -> None:
    ids = set()
    for access in (make.access(), make.access()):
        async with services.db.tenant(access) as tx:
            ids.add((await add_text(tx, "Shop", SHOP)).id)
    assert len(ids) == 2


async def test_a_text_in_the_request_is_searched_and_not_kept(services: Services, make: Make) -> None:
    access = make.access()
    async with services.db.tenant(access) as tx:
        found = await retrieve_in_text(tx, "When does the shop open?", SHOP)
        assert answer("When does the shop open?", found).text == "The shop opens at 11 am. [1]"
        assert found[0].source_id is None
        assert await retrieve_in_text(tx, "anything", " \n ") == []
        declined = answer("Do you sell bread?", await retrieve_in_text(tx, "Do you sell bread?", SHOP))
        assert declined.kind == "declined"
        assert await list_sources(tx) == []


@pytest.mark.parametrize(
    ("text", "question", "fact"),
    [
        ("எங்கள் கடை காலை 9 மணிக்கு திறக்கும். விலை ₹500.", "கடை எப்போது திறக்கும்?", "காலை 9 மணிக்கு"),
        ("हाम्रो पसल बिहान १० बजे खुल्छ। मर्मतको शुल्क ₹३०० हो।", "पसल कहिले खुल्छ?", "बिहान १० बजे"),
        ("आमचे दुकान सकाळी ९ वाजता उघडते. दुरुस्तीची किंमत ₹३०० आहे.", "दुकान कधी उघडते?", "सकाळी ९"),
        ("আমাদের দোকান সকাল ১০টায় খোলে। মেরামতের খরচ ₹৩০০।", "দোকান কখন খোলে?", "সকাল ১০টায়"),
        ("మా దుకాణం ఉదయం 9 గంటలకు తెరుస్తాము. ధర ₹500.", "మీ దుకాణం ఎప్పుడు తెరుస్తారు?", "ఉదయం 9"),
        ("અમારી દુકાન સવારે 9 વાગ્યે ખુલે છે. કિંમત ₹500.", "તમારી દુકાન ક્યારે ખુલે છે?", "સવારે 9"),
    ],
)
async def test_other_indian_languages_are_searched_too(
    services: Services, make: Make, text: str, question: str, fact: str
) -> None:
    async with services.db.tenant(make.access()) as tx:
        await add_text(tx, "Shop", text)
        assert fact in answer(question, await retrieve(tx, question)).text


@pytest.mark.parametrize(
    "question",
    [
        "",
        " ",
        "?",
        "'; DROP TABLE knowledge_passage; --",
        "a & b | !c <-> (d",
        "\\",
        "₹",
        "x" * 50_000,
        "\u200d\u093c",
        "::",
        ":* :A",
    ],
)
async def test_no_question_breaks_the_search(services: Services, firm: Access, question: str) -> None:
    async with services.db.tenant(firm) as tx:
        answer(question, await retrieve(tx, question))
        answer(question, await retrieve_in_text(tx, question, SHOP))


async def test_bad_text_is_refused(services: Services, make: Make) -> None:
    async with services.db.tenant(make.access()) as tx:
        for bad in ("", " \n", "# \n"):
            with pytest.raises(problems.EmptyDocument):
                await add_text(tx, "x", bad)
        with pytest.raises(problems.NotText):
            await add_text(tx, "x", "zero \0 byte")
        with pytest.raises(problems.DocumentTooLarge):
            await add_text(tx, "x", "a" * (21 * 1024 * 1024))
        kept = await add_text(tx, "half a pair \ud800", "Lone \ud800 surrogate")
        assert kept.state == "ready"


async def test_many_can_be_added_at_once(services: Services, make: Make) -> None:
    access = make.access()

    async def add(n: int) -> None:
        extracted = service.extract_text(f"T{n}", f"Text number {n}.")
        async with services.db.tenant(access) as tx:
            await store(tx, extracted)

    await asyncio.gather(*(add(n) for n in range(6)))
    async with services.db.tenant(access) as tx:
        assert len(await list_sources(tx)) == 6


async def test_the_same_document_added_twice_at_once_is_one_source(services: Services, make: Make) -> None:
    access = make.access()
    extracted = service.extract_text("Shop", SHOP)

    async def add() -> object:
        async with services.db.tenant(access) as tx:
            return (await store(tx, extracted)).id

    assert len(set(await asyncio.gather(*(add() for _ in range(6))))) == 1


async def test_an_unknown_source_is_not_found(services: Services, make: Make) -> None:
    async with services.db.tenant(make.access()) as tx:
        with pytest.raises(problems.SourceNotFound):
            await service.source(tx, uuid7())
