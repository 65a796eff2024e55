"""Every kind of document is read, and every bad one is refused with its own clear problem."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from callmissed.knowledge import problems
from callmissed.knowledge.extraction import MAX_BYTES, child, read, reading
from tests.rooms.knowledge import documents
from tests.rooms.knowledge.documents import paragraph, pdf, table, word_document


async def texts(content: bytes, filename: str) -> list[str]:
    return [block.text for block in (await read(content, filename)).blocks]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("सोमवार से शनिवार".encode(), "सोमवार से शनिवार"),
        ("₹649".encode("utf-8-sig"), "₹649"),
        ("कीमत ₹649".encode("utf-16"), "कीमत ₹649"),
        ("Opening hours".encode("utf-16-le"), "Opening hours"),
        ("Opening hours".encode("utf-16-be"), "Opening hours"),
        (
            "Café at the corner, price £5 – no “tips”".encode("cp1252"),
            "Café at the corner, price £5 – no “tips”",
        ),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
    ],
)
async def test_text_in_many_encodings(content: bytes, expected: str) -> None:
    assert await texts(content, "a.txt") == [expected]


async def test_markdown_keeps_words_and_drops_markup() -> None:
    source = (
        "---\ntitle: x\n---\n# Prices\n\nSee **our** [list](http://x.example) <!-- not this -->now.\n\n"
        "| Work | Price |\n|---|---|\n| AC | ₹649 |\n\nSub\n---\n- one\n- two\n"
    )
    document = await read(source.encode(), "prices.md")
    assert [(b.kind, b.text or b.rows) for b in document.blocks] == [
        ("heading", "Prices"),
        ("text", "See our list now."),
        ("table", (("Work", "Price"), ("AC", "₹649"))),
        ("heading", "Sub"),
        ("text", "one\ntwo"),
    ]


async def test_pdf_keeps_its_page_numbers() -> None:
    document = await read(pdf("Visit charge is Rs 299", "Closed on Diwali"), "x.pdf")
    assert [(b.page, b.text) for b in document.blocks] == [
        (1, "Visit charge is Rs 299"),
        (2, "Closed on Diwali"),
    ]


async def test_word_keeps_headings_by_style_name_and_tables() -> None:
    body = (
        paragraph("Preise", "Uberschrift1") + paragraph("हम आते हैं") + table(("Work", "Price"), ("AC", "₹649"))
    )
    document = await read(word_document(body), "x.docx")
    assert [(b.kind, b.text or b.rows) for b in document.blocks] == [
        ("heading", "Preise"),
        ("text", "हम आते हैं"),
        ("table", (("Work", "Price"), ("AC", "₹649"))),
    ]


async def test_the_content_decides_not_the_name() -> None:
    assert (await read(pdf("Some readable text"), "notes.txt")).kind == "pdf"
    assert (await read(word_document(paragraph("x")), "notes.pdf")).kind == "docx"
    assert (await read(b"just text", "notes.pdf")).kind == "text"


HOSTILE: dict[str, tuple[bytes | Callable[[], bytes], str, type[problems.Unreadable]]] = {
    "empty": (b"", "a.txt", problems.EmptyDocument),
    "blank": (b" \n\t ", "a.txt", problems.EmptyDocument),
    "binary": (bytes(range(256)) * 40, "a.txt", problems.NotText),
    "cut utf-8": ("मरम्मत की कीमत".encode()[:-1], "a.txt", problems.NotText),
    "zeros": (b"\0" * 5000, "a.txt", problems.NotText),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.png", problems.NotText),
    "web page": (b"<!DOCTYPE html><p>Hi", "a.txt", problems.UnknownKind),
    "rich text": (rb"{\rtf1 hello}", "a.rtf", problems.UnknownKind),
    "old word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc", problems.UnknownKind),
    "spreadsheet": (documents.word_document("").replace(b"word/", b"xlsx/"), "a.xlsx", problems.UnknownKind),
    "scanned pdf": (pdf("", ""), "a.pdf", problems.PdfWithoutText),
    "locked pdf": (lambda: documents.locked_pdf("tiger"), "a.pdf", problems.PdfEncrypted),
    "broken pdf": (b"%PDF-1.7\n" + bytes(300), "a.pdf", problems.PdfBroken),
    "torn pdf": (pdf("Some readable text")[:120], "a.pdf", problems.PdfBroken),
    "pdf bomb": (lambda: documents.pdf_bomb(100), "a.pdf", problems.TooComplex),
    "torn docx": (word_document(paragraph("x"))[:-40], "a.docx", problems.WordBroken),
    "docx with broken xml": (word_document("<w:p>"), "a.docx", problems.WordBroken),
    "empty docx": (word_document(""), "a.docx", problems.EmptyDocument),
    "zip bomb": (lambda: documents.zip_bomb(250), "a.docx", problems.UnsafeDocument),
    "dense member": (lambda: documents.zip_bomb(20), "a.docx", problems.UnsafeDocument),
    "many members": (
        lambda: word_document(paragraph("x"), members={f"m{n}": b"" for n in range(6000)}),
        "a.docx",
        problems.UnsafeDocument,
    ),
    "lying archive": (documents.lying_archive, "a.docx", problems.Unreadable),
    "entity bomb": (documents.entity_bomb, "a.docx", problems.UnsafeDocument),
    "outside entity": (documents.outside_entity, "a.docx", problems.UnsafeDocument),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_bad_documents_get_one_clear_problem(case: str) -> None:
    made, filename, problem = HOSTILE[case]
    content = made() if callable(made) else made
    started = time.monotonic()
    with pytest.raises(problem) as refused:
        await read(content, filename)
    assert time.monotonic() - started < 25
    assert len(refused.value.message) > 20
    assert refused.value.status in {413, 415, 422}


async def test_a_huge_file_is_refused_unread() -> None:
    with pytest.raises(problems.DocumentTooLarge) as refused:
        await read(b"a" * (MAX_BYTES + 1), "a.txt")
    assert refused.value.status == 413


async def test_a_child_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    # The saboteur: a parser that never ends. Without the wall clock the request would hang for ever.
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(60)\n")
    # house: mock a greedy or endless child in the place of the real one
    monkeypatch.setattr(reading, "CHILD", slow)
    # house: mock a greedy or endless child in the place of the real one
    monkeypatch.setattr(reading, "WALL_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(problems.TooComplex):
        await read(pdf("Some readable text"), "a.pdf")
    assert time.monotonic() - started < 5


async def test_a_child_that_eats_memory_or_time_dies_of_its_limits(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    source = reading.CHILD.read_text(encoding="utf-8").replace("CPU_SECONDS = 15", "CPU_SECONDS = 1")
    for greed in ("held = bytearray(2 * 1024**3)", "while True: pass"):
        greedy = tmp_path / "greedy.py"
        greedy.write_text(source.replace("    limit()\n", f"    limit()\n    {greed}\n"))
        # house: mock a greedy or endless child in the place of the real one
        monkeypatch.setattr(reading, "CHILD", greedy)
        with pytest.raises(problems.TooComplex):
            await read(pdf("Some readable text"), "a.pdf")


async def test_reading_does_not_hold_up_the_server() -> None:
    reads = asyncio.create_task(read(pdf("Some readable text"), "a.pdf"))
    longest, last = 0.0, time.monotonic()
    while not reads.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    await reads
    assert longest < 0.5


@pytest.mark.parametrize("seed", range(60))
def test_damage_of_any_kind_ends_in_text_or_a_named_problem(seed: int) -> None:
    dice = random.Random(seed)
    kind = dice.choice(["pdf", "docx"])
    good = (
        pdf("Some readable text\nin two lines", "More") if kind == "pdf" else word_document(paragraph("text"))
    )
    damaged = bytearray(good)
    for _ in range(dice.randint(1, 30)):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    answer = child.answer(kind, bytes(damaged[: dice.randint(len(damaged) // 2, len(damaged))]))
    assert "blocks" in answer or issubclass(getattr(problems, answer["problem"]), problems.Unreadable)
