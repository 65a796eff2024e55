"""Pages keep the strict security policy, the tokens and their languages; each way to break that is planted and caught."""

from pathlib import Path

import pytest

from callmissed.app.rooms import PAGE_ROOMS
from callmissed.foundation.pages import Pages, content_security_policy
from tests.support import catalogue
from tests.support import pages as rules

TEXT = 4.5
MARK = 3.0
TEXT_PAIRS = [
    *((text, ground) for text in ("ink", "ink-2", "ink-3") for ground in ("paper", "wash", "wash-2", "raise")),
    *((text, ground) for text in ("accent", "kept", "broken", "unknown") for ground in ("paper", "raise")),
    ("kept", "kept-wash"), ("broken", "broken-wash"), ("unknown", "unknown-wash"), ("accent", "accent-wash"),
    ("ink", "kept-wash"), ("ink", "broken-wash"), ("ink", "unknown-wash"), ("ink", "accent-wash"),
    ("ink-2", "broken-wash"), ("ink-2", "unknown-wash"), ("on-accent", "accent"), ("on-accent", "accent-2"),
]  # fmt: skip
MARK_PAIRS = [("edge", "paper"), ("dot-broken", "paper"), ("dot-unknown", "paper"), ("kept", "paper")]


@pytest.fixture(scope="module")
def pages() -> Pages:
    """The templates and static files of every room."""
    return Pages(list(PAGE_ROOMS))


def test_every_template_parses(pages: Pages) -> None:
    for name in pages.environment.list_templates(extensions=["html"]):
        pages.environment.get_template(name)


@pytest.mark.parametrize("path", rules.templates(), ids=lambda path: path.name)
def test_template_keeps_the_security_policy_and_names_only_what_exists(path: Path, pages: Pages) -> None:
    text = path.read_text()
    assert rules.forbidden_in_template(text) == []
    assert list(rules.dangling_in_template(text, pages)) == []


@pytest.mark.parametrize(
    ("planted", "offence"),
    [
        ('<p style="color:red">', "inline style"),
        ("<style>p{}</style>", "inline style"),
        ("<script>alert(1)</script>", "inline script"),
        ('<button onclick="go()">', "inline handler"),
        ('<b hx-on:click="go()">', "evaluated expression"),
        ('<script src="https://cdn.example/x.js"></script>', "address of another host"),
        ('<link href="//fonts.example/a.css">', "address of another host"),
        ("{{ t(problem.message) }}", "t() of a variable"),
        ("{{ message|safe }}", "text marked safe"),
    ],
)
def test_planted_template_is_caught(planted: str, offence: str) -> None:
    assert offence in rules.forbidden_in_template(planted)


@pytest.mark.parametrize(
    ("planted", "missing"),
    [
        ('{{ icon("unicorn") }}', "icon unicorn"),
        ('{{ kit.btn(t("x"), icon_name="unicorn") }}', "icon unicorn"),
        ('{{ static("nowhere.css") }}', "static file nowhere.css"),
        ("{{ kit.carousel() }}", "macro carousel"),
    ],
)
def test_planted_dangling_name_is_caught(planted: str, missing: str, pages: Pages) -> None:
    assert missing in list(rules.dangling_in_template(planted, pages))


def test_security_policy_allows_nothing_inline_and_nobody_else() -> None:
    policy = content_security_policy()
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "frame-ancestors https://shop.example" in content_security_policy(framed_by="https://shop.example")


def test_every_vendored_package_says_its_version_and_licence(tmp_path: Path) -> None:
    assert rules.unlabelled(rules.KIT / "vendor") == []
    (tmp_path / "mystery").mkdir()
    (tmp_path / "mystery" / "VERSION").touch()
    (tmp_path / "loose.js").touch()
    assert rules.unlabelled(tmp_path) == ["loose.js", "mystery lacks LICENSE"]


@pytest.mark.parametrize("path", sorted((rules.KIT / "theme").glob("*.css")), ids=lambda path: path.name)
def test_only_tokens_name_colours_and_no_file_a_physical_side(path: Path) -> None:
    assert rules.forbidden_in_stylesheet(path.read_text(), tokens=path.name == "tokens.css") == []


@pytest.mark.parametrize(
    "planted", [".a { color: #fff; }", ".a { fill: rgb(0 0 0); }", ".a { margin-left: 1px; }"]
)
def test_planted_stylesheet_is_caught(planted: str) -> None:
    assert len(rules.forbidden_in_stylesheet(planted)) == 1


def too_faint(pairs: list[tuple[str, str]], least: float, palette: dict[str, tuple[str, str]]) -> list[str]:
    """The pairs below the least contrast, in daylight or at night."""
    return [
        f"{text} on {ground} ({'light' if night == 0 else 'dark'}): {ratio:.2f}"
        for text, ground in pairs
        for night in (0, 1)
        if (ratio := rules.contrast(palette[text][night], palette[ground][night])) < least
    ]


def test_text_and_marks_can_be_read() -> None:
    """WCAG 2.2: 4.5 for text (1.4.3), 3 for marks and edges of controls (1.4.11)."""
    palette = rules.palette((rules.KIT / "theme" / "tokens.css").read_text())
    assert too_faint(TEXT_PAIRS, TEXT, palette) == []
    assert too_faint(MARK_PAIRS, MARK, palette) == []
    faint = rules.palette("--cm-ink: light-dark(#999999, #ffffff); --cm-paper: light-dark(#ffffff, #000000);")
    assert too_faint([("ink", "paper")], TEXT, faint) == ["ink on paper (light): 2.85"]


@pytest.mark.parametrize("language", ["hi"])
def test_every_sentence_is_there_in_every_language(language: str) -> None:
    assert catalogue.missing(language) == {}


def test_planted_untranslated_sentence_is_caught(tmp_path: Path) -> None:
    (tmp_path / "room" / "templates" / "room").mkdir(parents=True)
    (tmp_path / "room" / "templates" / "room" / "a.html").write_text(
        '{{ t("Said.") }} {{ t("Unsaid.") }} {{ nt("%(n)s one", "%(n)s many", 2) }} {% trans %}Trans.{% endtrans %}'
    )
    (tmp_path / "room" / "code.py").write_text('from x import t\nt("From code.")\n')
    words = tmp_path / "locale" / "hi" / "LC_MESSAGES"
    words.mkdir(parents=True)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
    half = 'msgid "%(n)s one"\nmsgid_plural "%(n)s many"\nmsgstr[0] "%(n)s एक"\nmsgstr[1] ""\n'
    (words / "room.po").write_text(
        f'{head}\nmsgid "Said."\nmsgstr "कहा।"\n\nmsgid "Unsaid."\nmsgstr ""\n\n{half}'
    )
    found = catalogue.missing("hi", tmp_path)
    assert set(found) == {"Unsaid.", "%(n)s one", "Trans.", "From code."}
