"""House rules about templates: what the policy of our pages refuses, found before a browser does."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from tools.house.rules import Rule, Source

JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
# Elements that load what their src or href names; a plain link (<a href>) only leads there.
LOADING = frozenset(
    {
        "script",
        "link",
        "img",
        "iframe",
        "source",
        "audio",
        "video",
        "embed",
        "object",
        "track",
        "use",
        "image",
    }
)


class Tag:
    """One opening tag: its name, attributes (lower case, "" when without a value) and line."""

    def __init__(self, name: str, attributes: list[tuple[str, str | None]], line: int) -> None:
        self.name = name
        self.attributes = {key: value or "" for key, value in attributes}
        self.line = line


def tags(source: Source) -> list[Tag]:
    """The opening tags of a template; what Jinja will fill in reads as a run of `x`."""
    blank = JINJA.sub(lambda m: re.sub(r"[^\n]", "x" if m[0].startswith("{{") else " ", m[0]), source.text)
    reader = _TagReader()
    reader.feed(blank)
    return reader.found


class _TagReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tag] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(Tag(tag, attrs, self.getpos()[0]))


class TemplateRule(Rule):
    """A rule about single tags."""

    within = ("callmissed/*.html",)
    outside = ("callmissed/*/mail/*",)
    example_path = "callmissed/site/templates/site/home.html"

    def look(self, source: Source) -> Iterator[tuple[int, str]]:
        for tag in tags(source):
            if what := self.offence(tag):
                yield tag.line, what

    def offence(self, tag: Tag) -> str | None:
        """What was found in the tag, or None when it is fine."""
        raise NotImplementedError


class InlineStyle(TemplateRule):
    """Style lives in style sheets."""

    code = "inline-style"
    message = "give it a class; the policy of the page refuses inline style"
    bad = ('<p style="color: red">', "<p\n  {% if x %}style='a'{% endif %}>", "<style>p {}</style>")
    good = ('<p class="red">style="x"</p>', '<p data-style="a">', "{# <p style='a'> #}")

    def offence(self, tag: Tag) -> str | None:
        return f"<{tag.name} style>" if tag.name == "style" or "style" in tag.attributes else None


class InlineScript(TemplateRule):
    """Behaviour lives in script files."""

    code = "inline-script"
    message = "move it to a file under static/; the policy of the page refuses inline script"
    bad = (
        "<script>alert(1)</script>",
        '<a onclick="go()">',
        '<a href="javascript:go()">',
        '<div hx-on:click="go()">',
        """<div hx-vals='js:{a: 1}'>""",
    )
    good = (
        '<script src="/static/x.js" defer></script>',
        '<script type="application/json">{"a": 1}</script>',
        '<a href="/go" data-on="x">',
        '<div hx-trigger="click" hx-get="/x">',
    )
    inert = frozenset({"application/json", "application/ld+json"})

    def offence(self, tag: Tag) -> str | None:
        if (
            tag.name == "script"
            and "src" not in tag.attributes
            and tag.attributes.get("type") not in self.inert
        ):
            return "<script> without src"
        for key, value in tag.attributes.items():
            if re.match(r"on[a-z]+$|hx-on", key):
                return f"{key}="
            if value.strip().lower().startswith(("javascript:", "js:")):
                return f'{key}="{value.strip()[:11]}…"'
        return None


class ThirdParty(TemplateRule):
    """No request of a reader's browser leaves for somebody else's server."""

    code = "third-party"
    message = "vendor it; no third-party request ever leaves the browser"
    bad = (
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<img src="http://pixel.example/1.gif">',
        '<img srcset="https://a.example/1.png 2x">',
    )
    good = (
        '<a href="https://www.meity.gov.in/">',
        '<link rel="canonical" href="https://example.in/">',
        "<img src=\"{{ asset('logo.svg') }}\">",
        '<img src="/static/x.png">',
    )

    def offence(self, tag: Tag) -> str | None:
        if tag.name not in LOADING or tag.attributes.get("rel") in {"canonical", "alternate"}:
            return None
        for key in ("src", "href", "srcset", "poster", "data", "xlink:href"):
            value = tag.attributes.get(key, "").strip()
            if re.match(r"(https?:)?//", value):
                return f'<{tag.name} {key}="{value[:40]}">'
        return None


RULES: tuple[Rule, ...] = (InlineStyle(), InlineScript(), ThirdParty())
