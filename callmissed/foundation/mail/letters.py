"""Letters: one text template each, written in the reader's language, with an HTML form drawn from the same text.

A template is `<folder>/<name>.txt`: a line `Subject: …`, an empty line, paragraphs separated by empty lines. An indented
paragraph stands out (a code); a web address on a line of its own becomes a link.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from callmissed.foundation import i18n

HERE = Path(__file__).resolve().parent

_folders: dict[str, Path] = {}
_globals = {"site": ""}

BlockKind = Literal["text", "figure", "link"]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a figure that stands out, or a link."""

    kind: BlockKind
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person reads: a subject and a text."""

    subject: str
    text: str

    @classmethod
    def parse(cls, source: str) -> "Letter":
        """The letter in a rendered template, or in the stored form, which is the same."""
        head, _, text = source.lstrip().partition("\n")
        return cls(head.removeprefix("Subject:").strip(), text.strip("\n") + "\n")

    def stored(self) -> str:
        """The form that `parse` reads back."""
        return f"Subject: {self.subject}\n\n{self.text}"

    def blocks(self) -> list[Block]:
        """The text in parts, for drawing."""
        parts = [part for part in self.text.split("\n\n") if part.strip()]
        return [_block(part) for part in parts]

    def html(self) -> str:
        """The letter as an HTML document for mail readers: no picture, no script, nothing loaded from anywhere."""
        page = _environment(HERE).get_template("letter.html")
        return page.render(letter=self, language=i18n.language())


def _block(part: str) -> Block:
    text = " ".join(part.split())
    if part.startswith("    "):
        return Block("figure", text)
    if text.startswith(("https://", "http://")) and " " not in text:
        return Block("link", text)
    return Block("text", text)


def declare_templates(room: str, folder: Path) -> None:
    """Offer a room's letters: `room.name` is then `<folder>/<name>.txt`."""
    _folders[room] = folder


def declare_site(url: str) -> None:
    """Say where links in letters lead: `site` in every template, without a slash at its end."""
    _globals["site"] = url.rstrip("/")


def compose(template: str, language: str, **context: Any) -> Letter:
    """Write the letter `room.name` in this language. Raises KeyError for an undeclared room."""
    room, _, name = template.partition(".")
    with i18n.speaking(language):
        return Letter.parse(
            _environment(_folders[room]).get_template(f"{name}.txt").render(**_globals, **context)
        )


@lru_cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    speech: Any = environment
    speech.install_gettext_callables(_gettext, _ngettext, newstyle=True)
    speech.globals["t"] = speech.globals["gettext"]
    return environment


def _gettext(message: str) -> str:
    return i18n.catalogue(i18n.language()).gettext(message)


def _ngettext(one: str, many: str, n: int) -> str:
    return i18n.catalogue(i18n.language()).ngettext(one, many, n)
