"""What can be wrong with a document someone wants to add, each with what to do about it."""

from callmissed.foundation.problems import Problem


class Unreadable(Problem):
    """This document cannot be read."""

    status = 422
    code = "document_unreadable"


class EmptyDocument(Unreadable):
    """There is no text in this document. Add some text and try again."""

    code = "document_empty"


class DocumentTooLarge(Unreadable):
    """This document is larger than 20 MB. Split it, or leave out the pictures."""

    status = 413
    code = "document_too_large"


class UnknownKind(Unreadable):
    """We cannot read this kind of file. Use plain text (.txt), Markdown (.md), PDF or Word (.docx)."""

    status = 415
    code = "document_kind_unknown"


class NotText(Unreadable):
    """This file is not readable text: it is binary, cut off, or in an unknown encoding. Save it as UTF-8 and try again."""

    code = "document_not_text"


class PdfWithoutText(Unreadable):
    """This PDF has no text, only pictures of pages. Run it through text recognition (OCR) first, or paste the text."""

    code = "pdf_without_text"


class PdfEncrypted(Unreadable):
    """This PDF is locked with a password. Save a copy without the password and add that."""

    code = "pdf_encrypted"


class PdfBroken(Unreadable):
    """This PDF is damaged and cannot be opened. Export it again from where it was made."""

    code = "pdf_broken"


class WordBroken(Unreadable):
    """This Word document is damaged and cannot be opened. Open it in Word, save it again, and add the new copy."""

    code = "word_broken"


class UnsafeDocument(Unreadable):
    """This file unpacks to far more than its size, or hides instructions that documents do not need. It was not opened."""

    code = "document_unsafe"


class TooComplex(Unreadable):
    """This document takes too much time or memory to read. Split it into smaller parts, or paste the text."""

    code = "document_too_complex"


class SourceNotFound(Problem):
    """There is no knowledge source with this id in your workspace."""

    status = 404
    code = "knowledge_source_not_found"
