"""A compiled notice as Markdown, as an HTML fragment, or as JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict
from html import escape

from callmissed.privacy.notices.compiler import Compiled, Line

UNTRANSLATED = "[English]"
"""Stands before a sentence that has no translation in a document of another language."""


PLAIN = str.maketrans({"<": "&lt;", "[": "\\[", "]": "\\]", "*": "\\*", "_": "\\_"})
"""Characters that Markdown would read."""


def _mark(document: Compiled, line: Line) -> str:
    return "" if line.language == document.language else f"{UNTRANSLATED} "


def as_markdown(document: Compiled) -> str:
    """Headings and one bullet for each sentence."""
    rows = [f"# {_in_markdown(document, document.title)}"]
    for part in document.parts:
        rows += ["", f"## {_in_markdown(document, part.title)}", ""]
        rows += [f"- {_in_markdown(document, line)}" for line in part.lines]
    return "\n".join(rows) + "\n"


def _in_markdown(document: Compiled, line: Line) -> str:
    """The sentence on one line; what an operator typed about itself opens no tag and no link in it."""
    plain = " ".join(line.text.split()).translate(PLAIN)
    return f"{_mark(document, line)}{plain}"


def as_html(document: Compiled) -> str:
    """An `article` with `lang` and `dir`; a sentence that has no translation says that it is English."""

    def said(line: Line, tag: str) -> str:
        text = escape(line.text)
        if line.language != document.language:
            text = f'<span lang="en" dir="ltr">{UNTRANSLATED} {text}</span>'
        return f'<{tag} id="{escape(line.id)}">{text}</{tag}>'

    rows = [f'<article lang="{document.language}" dir="{document.direction}">', said(document.title, "h1")]
    for part in document.parts:
        rows += [said(part.title, "h2"), *(said(line, "p") for line in part.lines)]
    return "\n".join([*rows, "</article>"]) + "\n"


def as_json(document: Compiled) -> str:
    """Everything, with ids, sources and how each translation was made."""
    return json.dumps(asdict(document), ensure_ascii=False, indent=1) + "\n"


FORMATS: dict[str, tuple[str, Callable[[Compiled], str]]] = {
    "md": ("text/markdown", as_markdown),
    "html": ("text/html", as_html),
    "json": ("application/json", as_json),
}
"""Ending of a file to its media type and what writes it."""


def rendered(document: Compiled, ending: str) -> str:
    """The document in one of FORMATS."""
    return FORMATS[ending][1](document)
