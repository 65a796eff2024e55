"""What kind of file this is, decided by its content. The name only tells Markdown from plain text."""

import zipfile
from io import BytesIO

from callmissed.knowledge.extraction.blocks import DocumentKind
from callmissed.knowledge.problems import UnknownKind, WordBroken

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
MARKUP = (b"<!doctype html", b"<html", b"<?xml", b"{\\rtf")
PDF_HEADER_WITHIN = 1024
"""Readers accept the header of a PDF within its first 1024 bytes (PDF 1.7 reference, implementation note 13)."""


def kind_of(content: bytes, filename: str = "") -> DocumentKind:
    """The kind of a document. Raises UnknownKind, saying what to do, or WordBroken for a torn archive."""
    if b"%PDF-" in content[:PDF_HEADER_WITHIN]:
        return "pdf"
    if content.startswith(ZIP):
        return _kind_of_archive(content, filename)
    if content.startswith(OLE):
        message = "This is an old or password-protected Office file. Save it as .docx without a password."
        raise UnknownKind(message)
    if content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(MARKUP):
        message = "This is a web page or rich text. Save it as plain text, Markdown, PDF or Word (.docx)."
        raise UnknownKind(message)
    return "markdown" if filename.lower().endswith((".md", ".markdown")) else "text"


def _kind_of_archive(content: bytes, filename: str) -> DocumentKind:
    """Only the directory of the archive is read here; nothing is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = {member.filename for member in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as torn:
        if filename.lower().endswith(".docx"):
            raise WordBroken from torn
        raise UnknownKind from torn
    if "word/document.xml" in names:
        return "docx"
    raise UnknownKind
