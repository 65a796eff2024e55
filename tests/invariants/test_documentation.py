"""What exists is documented, and what the documents name exists; each way to break that is planted once and seen caught."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Generator, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from pydantic import Field

from callmissed.app.cli import cli
from callmissed.app.settings import Settings
from callmissed.foundation.events import Event
from callmissed.foundation.http import TITLES
from callmissed.foundation.problems import Problem
from callmissed.gateway import USUAL_VARIABLES, UpstreamSettings
from callmissed.gateway.catalogue import read
from callmissed.gateway.upstreams import found_upstreams
from callmissed.identity.oidc.settings import read_file
from tests.support import catalogue
from tools import docs
from tools.docs import reading

ROOT = Path(__file__).resolve().parents[2]
READ_FIRST = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")

_link = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_fence = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_heading = re.compile(r"^#+ (.+)$", re.MULTILINE)
_make = re.compile(r"\bmake ([a-z]+)\b(?=[^a-z]|$)")
_target = re.compile(r"^([a-z]+):", re.MULTILINE)
_command = re.compile(r"\bcallmissed ((?:[a-z]+)(?: [a-z]+)?)")
_decision = re.compile(r"^(\d{4})-[a-z0-9-]+\.md$")


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """Every module of the product, so that what declares itself by existing is there."""
    reading.everything()


# The reference pages


def test_reference_pages_say_what_the_code_says() -> None:
    assert docs.stale(docs.pages()) == []


def test_everything_says_what_it_is() -> None:
    assert docs.silent() == []


def test_a_stale_or_missing_page_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    texts = docs.pages()
    docs.write(texts, tmp_path)
    assert docs.stale(texts, tmp_path) == []
    (tmp_path / "docs" / "events.md").unlink()
    (tmp_path / "docs" / "problems.md").write_text(texts["problems.md"].replace("404", "405"))
    assert docs.stale(texts, tmp_path) == ["problems.md", "events.md"]


@contextmanager
def planted(place: MutableMapping[str, Any], name: str, thing: object) -> Generator[None]:
    """One more entry in a registry of the product, until the block ends."""
    place[name] = thing
    try:
        yield
    finally:
        del place[name]


def test_a_new_setting_without_words_is_found() -> None:
    with planted(Settings.model_fields, "planted", Field(default=1)):
        assert docs.silent() == ["setting `CALLMISSED_PLANTED`"]
        assert docs.stale(docs.pages()) == ["settings.md"]


def test_a_new_command_without_words_is_found() -> None:
    with planted(cli.commands, "planted", click.Command("planted", params=[click.Option(["--deep"])])):
        assert docs.silent() == ["command callmissed planted", "callmissed planted --deep"]
        assert docs.stale(docs.pages()) == ["commands.md"]


def test_a_new_problem_without_words_is_found() -> None:
    body = {"__module__": "callmissed.planted", "code": "planted", "status": 418}
    with planted(Problem.catalogue, "planted", type("Planted", (Problem,), body)):
        assert docs.silent() == ["problem planted", "advice for status 418"]


def test_a_new_event_without_words_is_found() -> None:
    event = type("Planted", (Event,), {"__module__": "callmissed.planted"})
    with planted(sys.modules, "callmissed.planted", SimpleNamespace(Planted=event)):
        assert docs.silent() == ["event Planted"]
        assert docs.stale(docs.pages()) == ["events.md"]


def unsaid(language: str) -> set[str]:
    """Messages and titles of problems that a language has no words for; they are data, so templates do not name them."""
    said = {each.default_message() for each in reading.problems()} | set(TITLES.values())
    return said - catalogue.translated(language)


def test_every_problem_has_its_message_in_every_language() -> None:
    assert unsaid("hi") == set()


def test_a_problem_without_hindi_is_found() -> None:
    body = {"__module__": "callmissed.planted", "code": "planted", "__doc__": "The kettle is cold."}
    with planted(Problem.catalogue, "planted", type("Planted", (Problem,), body)):
        assert unsaid("hi") == {"The kettle is cold."}


def test_the_tool_writes_and_compares() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout) == (0, "")


# What the documents name


def tracked(pattern: str) -> list[str]:
    """Files of the repository that match, by path."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in found.split("\0") if path and (ROOT / path).is_file()]


def anchors(path: Path) -> set[str]:
    """The fragments of a document's headings, as they are made where the files are read."""
    headings = _heading.findall(path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(path: Path) -> Iterator[str]:
    """Relative links of a document that lead to no file, or to no heading of it. Pages of the product start with /."""
    for link in _link.findall(_fence.sub("", path.read_text(encoding="utf-8"))):
        place, _, fragment = link.partition("#")
        if "://" in place or place.startswith(("/", "mailto:")):
            continue
        target = path.parent / place if place else path
        if not target.exists() or (fragment and fragment not in anchors(target)):
            yield link


@pytest.mark.parametrize("path", tracked("*.md"))
def test_links_lead_somewhere(path: str) -> None:
    if "/demo/documents/" not in path:
        assert list(dead_links(ROOT / path)) == []


def test_planted_dead_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text(
        "# Top\n[a](b.md) [b](#top) [c](#bottom) [d](https://x.example) ![e](a.png) [f](/privacy)\n"
    )
    assert list(dead_links(page)) == ["b.md", "#bottom", "a.png"]


def unknown_commands(text: str, targets: set[str]) -> list[str]:
    """`make X` and `callmissed X` in code of a document that do not exist."""
    spoken = "\n".join([*_fence.findall(text), *re.findall(r"`([^`\n]+)`", text)])
    words = {each.words.removeprefix("callmissed ") for each in reading.commands()}
    wrong = [f"make {name}" for name in _make.findall(spoken) if name not in targets]
    for said in _command.findall(spoken):
        first = said.split()[0]
        if said not in words and first not in words:
            wrong.append(f"callmissed {said}")
    return wrong


@pytest.mark.parametrize(
    "name", [*READ_FIRST, "docs/upstreams.md", "docs/sign-in.md", *tracked("docs/decisions/0*.md")]
)
def test_commands_that_documents_name_exist(name: str) -> None:
    targets = set(_target.findall((ROOT / "Makefile").read_text()))
    assert unknown_commands((ROOT / name).read_text(encoding="utf-8"), targets) == []


def test_planted_commands_are_found() -> None:
    text = "`make run`, `make cake`, `callmissed up --demo`, `callmissed policy verify`, `callmissed policy bake`, `callmissed fly`"
    assert unknown_commands(text, {"run"}) == ["make cake", "callmissed policy bake", "callmissed fly"]


def unlisted_decisions(folder: Path) -> list[str]:
    """Decisions that are unnumbered, numbered twice or with a gap, titled otherwise, or not in the index."""
    index = (folder / "README.md").read_text(encoding="utf-8")
    names = sorted(path.name for path in folder.glob("*.md") if path.name not in {"README.md", "template.md"})
    wrong = [f"{name} has no number" for name in names if not _decision.match(name)]
    numbered = [name for name in names if _decision.match(name)]
    wrong += [
        f"{name} should be {n:04}" for n, name in enumerate(numbered, 1) if not name.startswith(f"{n:04}-")
    ]
    for name in numbered:
        title = (folder / name).read_text(encoding="utf-8").splitlines()[0]
        if f"| {name[:4]} | [{title.removeprefix(f'# {name[:4]}. ')}]({name}) |" not in index:
            wrong.append(f"{name} is not in the index under its title")
    return wrong


def test_decisions_are_numbered_and_listed() -> None:
    assert unlisted_decisions(ROOT / "docs" / "decisions") == []


def test_planted_decisions_are_found(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("| 0001 | [One](0001-one.md) |\n")
    (tmp_path / "0001-one.md").write_text("# 0001. One\n")
    assert unlisted_decisions(tmp_path) == []
    (tmp_path / "0003-three.md").write_text("# 0003. Three\n")
    (tmp_path / "loose.md").write_text("# Loose\n")
    assert unlisted_decisions(tmp_path) == [
        "loose.md has no number",
        "0003-three.md should be 0002",
        "0003-three.md is not in the index under its title",
    ]


def unnamed_rooms(text: str, package: Path) -> list[str]:
    """Rooms that exist and are not a line of the listing in the text, or are listed as not built."""
    listed = set(re.findall(r"[├└]── ([a-z]+)/ ", text))
    return sorted(
        path.parent.name for path in package.glob("*/__init__.py") if path.parent.name not in listed
    )


def test_the_architecture_names_every_room() -> None:
    assert unnamed_rooms((ROOT / "ARCHITECTURE.md").read_text(), ROOT / "callmissed") == []


def test_planted_room_is_found(tmp_path: Path) -> None:
    for room in ("kitchen", "cellar"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    assert unnamed_rooms("├── kitchen/   cooking", tmp_path) == ["cellar"]


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "pictures").iterdir())
    assert pictures
    assert [path.name for path in pictures if path.suffix != ".png" or path.stat().st_size > 200_000] == []


def test_folders_and_files_that_the_rules_name_exist() -> None:
    """In `code` of the documents read first: what looks like a path of the repository."""
    tops = "callmissed|docs|migrations|requirements|scripts|tests|tools|bench"
    wrong: list[str] = []
    for name in READ_FIRST:
        spoken = re.findall(r"`([^`\n]+)`", (ROOT / name).read_text(encoding="utf-8"))
        paths = [each for each in spoken if re.fullmatch(rf"(?:{tops})/[\w./*-]+", each)]
        wrong += [f"{name}: {each}" for each in paths if not list(ROOT.glob(each.rstrip("/")))]
    assert wrong == []


# The documents' own examples


async def test_the_example_of_an_upstreams_file_is_read_as_the_page_says(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "upstreams.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(examples) == 4
    file = tmp_path / "upstreams.toml"
    file.write_text("\n".join(examples))
    found = await found_upstreams(UpstreamSettings(file=file, look=False), read())
    seen = {each.terms.name: (each.terms.region, [model.id for model in models]) for each, models in found}
    rack = ("IN", ["rack/llama-3.3-70b"])
    claude = ("US", ["anthropic/claude"])
    exa = ("US", ["search/exa"])
    assert seen == {
        "sarvam": ("IN", ["sarvam-m"]), "rack": rack, "exa": exa, "anthropic": claude, "second-rack": rack,
    }  # fmt: skip
    for upstream, _ in found:
        assert not upstream.terms.trains_on_content
        await upstream.close()


def test_the_upstreams_page_names_every_variable_and_member() -> None:
    text = (ROOT / "docs" / "upstreams.md").read_text(encoding="utf-8")
    assert [name for name in USUAL_VARIABLES if f"`{name}`" not in text] == []


def test_the_python_floor_is_the_one_told() -> None:
    floor = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(
        ">="
    )
    for name in ("README.md", "CONTRIBUTING.md"):
        assert f"Python {floor} or newer" in (ROOT / name).read_text().replace("Python 3.11, ", ""), name


def test_the_file_of_providers_that_is_shown_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "sign-in.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "providers.toml").write_text(shown, encoding="utf-8")
    google, entra = read_file(tmp_path / "providers.toml", laptop=False)
    assert (google.button, entra.button, entra.verified_claim) == (True, False, "xms_edov")
