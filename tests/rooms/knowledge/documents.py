"""Documents made in the tests: good ones, and the bad ones that people and attackers send."""

import struct
import zipfile
import zlib
from io import BytesIO

from pypdf import PdfReader, PdfWriter

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STYLES = f"""<w:styles xmlns:w="{WORD}"><w:style w:styleId="Uberschrift1"><w:name w:val="heading 1"/></w:style></w:styles>"""


def word_document(body: str, *, prolog: str = "", members: dict[str, bytes] | None = None) -> bytes:
    """A DOCX whose body is this WordprocessingML."""
    document = f'{prolog}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", document)
        archive.writestr("word/styles.xml", STYLES)
        for name, content in (members or {}).items():
            archive.writestr(name, content)
    return made.getvalue()


def paragraph(text: str, style: str = "") -> str:
    """One paragraph of WordprocessingML."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def table(*rows: tuple[str, ...]) -> str:
    """A table of WordprocessingML."""
    lines = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{line}</w:tr>' for line in lines)}</w:tbl>"


def pdf(*pages: str, filters: bytes = b"") -> bytes:
    """A PDF with one text per page; a page of "" has a drawn line instead, as scanned pages have no text."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids: list[str] = []
    for text in pages:
        lines = " ".join(f"({line}) Tj 0 -14 Td" for line in text.split("\n"))
        drawn = f"BT /F1 12 Tf 72 720 Td {lines} ET" if text else "0 0 m 10 10 l S"
        stream = zlib.compress(drawn.encode("latin-1"))
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents " + str(len(objects) + 2).encode() + b" 0 R >>"
        )
        objects.append(
            b"<< /Length "
            + str(len(stream)).encode()
            + b" /Filter /FlateDecode >> stream\n"
            + stream
            + b"\nendstream"
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(pages)} >>".encode()
    return _assembled(objects)


def _assembled(objects: list[bytes]) -> bytes:
    made = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    made += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(made)


def locked_pdf(password: str) -> bytes:
    """A PDF that needs a password."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf("secret prices"))))
    writer.encrypt(password, algorithm="RC4-128")
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


def pdf_bomb(megabytes: int) -> bytes:
    """A PDF of a few kilobytes whose page unpacks to many megabytes of text operators."""
    shown = b"BT /F1 12 Tf " + b"(aaaaaaaaaaaaaaaa) Tj " * (megabytes * 1024 * 1024 // 22) + b"ET"
    stream = zlib.compress(shown, 9)
    twice = zlib.compress(stream, 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>",
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >> stream\n" % len(twice)
        + twice
        + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    return _assembled(objects)


def zip_bomb(megabytes: int) -> bytes:
    """A DOCX of a few hundred kilobytes that unpacks to many megabytes of zeros."""
    return word_document(
        paragraph("harmless"), members={"word/media/image1.bin": bytes(megabytes * 1024 * 1024)}
    )


def lying_archive() -> bytes:
    """A DOCX whose directory says that its document is small, while it unpacks to 60 MB."""
    content = word_document(f"<w:p>{' ' * (60 * 1024 * 1024)}</w:p>")
    at = content.rindex(b"word/document.xml") - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    return content[: at + 24] + struct.pack("<I", 1000) + content[at + 28 :]


def entity_bomb() -> bytes:
    """A DOCX with the billion laughs: entities that unfold to gigabytes."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    prolog = f'<!DOCTYPE lolz [<!ENTITY e0 "lol">{entities}]>'
    return word_document(paragraph("&e9;"), prolog=prolog)


def outside_entity() -> bytes:
    """A DOCX that asks for a file of the server (XXE)."""
    return word_document(paragraph("&x;"), prolog='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
