"""The pages themselves, as Markdown."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Table

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Entry, Holds, Keep, Store
from callmissed.foundation.events import Event, subscribers
from callmissed.site.problem_list import ADVICE, TITLES
from tools.docs.reading import commands, events, first_paragraph, problems, settings

ROOT = Path(__file__).resolve().parents[2]
NOTE = "<!-- Written by `python -m tools.docs` from the code; change it there. -->\n"


def pages() -> dict[str, str]:
    """File name under docs/ to its text."""
    parts = {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "problems.md": problems_page(),
        "events.md": events_page(),
        "tables.md": tables_page(),
    }
    return {name: NOTE + "\n" + "\n".join(lines).strip() + "\n" for name, lines in parts.items()}


def write(texts: Mapping[str, str], root: Path = ROOT) -> None:
    """Write every page."""
    for name, text in texts.items():
        (root / "docs" / name).write_text(text, encoding="utf-8")


def stale(texts: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """Pages whose file is missing or says something else."""
    places = {name: root / "docs" / name for name in texts}
    return [
        name
        for name, path in places.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != texts[name]
    ]


def silent() -> list[str]:
    """What exists and says nothing about itself."""
    said: dict[str, str] = {f"setting {name}": field.description or "" for name, field in settings()}
    for command in commands():
        said[f"command {command.words}"] = command.help
        said |= {f"{command.words} {name}": text for name, text in command.takes}
    said |= {f"event {each.__name__}": first_paragraph(each) for each in events()}
    said |= {f"problem {each.code}": first_paragraph(each) for each in problems()}
    said |= {f"advice for status {each.status}": ADVICE.get(each.status, "") for each in problems()}
    said |= {f"column {each.table}.{each.column}": each.holds.what for each in datamap.entries()}
    return [name for name, text in said.items() if not text.strip()]


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    yield from ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    yield ""


def settings_page() -> Iterator[str]:
    """Every setting, in the order of the class."""
    yield "# Settings\n"
    yield "Each is an environment variable. `callmissed doctor` says which of them stand in the way.\n"
    rows = ((name, _default(field.default), field.description or "") for name, field in settings())
    yield from table(("variable", "default", "what it does"), rows)


def _default(value: object) -> str:
    if value is None or value == "" or isinstance(value, SecretStr):
        return "not set"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def commands_page() -> Iterator[str]:
    """Every command with what it takes."""
    yield "# Commands\n"
    yield "`callmissed COMMAND --help` says the same. A command that fails says why on one line and exits with 1.\n"
    for command in commands():
        yield f"## `{command.words}`\n"
        yield f"{command.help}\n"
        if command.takes:
            yield from table(("takes", ""), ((f"`{name}`", text) for name, text in command.takes))


def problems_page() -> Iterator[str]:
    """Every problem, by status."""
    yield "# Problems\n"
    yield "What can go wrong, by HTTP status and code. A code never changes once released. The same list, in the reader's language,"
    yield "stands at `/docs/problems` of each installation, where the `type` of an RFC 9457 document points.\n"
    every = problems()
    for status in sorted({each.status for each in every}):
        yield f"## {status} {TITLES[status]}\n"
        yield f"{ADVICE[status]}\n"
        rows = ((f"`{each.code}`", each.default_message()) for each in every if each.status == status)
        yield from table(("code", "message"), rows)


def events_page() -> Iterator[str]:
    """Every event, what it carries, and which jobs hear of it."""
    yield "# Events\n"
    yield "News that travels upwards. Each subscriber is a job, inserted in the transaction that publishes; it may run twice.\n"
    rows = ((f"`{each.__name__}`", first_paragraph(each), _fields(each), _heard(each)) for each in events())
    yield from table(("event", "what happened", "carries", "heard by"), rows)


def _fields(event: type[Event]) -> str:
    return ", ".join(f"`{name}`" for name in event.__dataclass_fields__)


def _heard(event: type[Event]) -> str:
    return ", ".join(f"`{job}`" for job in subscribers(event)) or "nobody yet"


def tables_page() -> Iterator[str]:
    """The data map: every table and store, column by column."""
    yield "# Tables: the data map\n"
    yield "What is kept, whose it is and for how long, as the classes declare it. *Sealed* is encrypted under the person's own key;"
    yield "for account holders we are the fiduciary, for the tenants' contacts the processor (DPDP Act 2023, s. 2).\n"
    every = datamap.entries()
    for each in sorted(datamap.tables(), key=lambda each: each.name):
        yield from _table(each, [entry for entry in every if entry.table == each.name])
    yield "# Stores that are no tables\n"
    for store in datamap.stores():
        yield from _store(store)


def _table(each: Table, columns: list[Entry]) -> Iterator[str]:
    row = each.info["row"]
    room = row.__module__.split(".")[1]
    belongs = "of one tenant" if datamap.is_tenant_table(each) else "of the whole installation"
    further = ", append-only" if row.__append_only__ else ""
    yield f"## `{each.name}`\n"
    yield f"{first_paragraph(row)}\n"
    yield f"Room `{room}`, {belongs}{further}. Kept {_kept(row.__keep__)}.\n"
    rows = ((f"`{e.column}`", *_held(e.holds), "yes" if e.sealed else "") for e in columns)
    yield from table(("column", "what it holds", "category", "whose", "purposes", "sealed"), rows)


def _store(store: Store) -> Iterator[str]:
    yield f"## {store.name}\n"
    yield f"A {store.kind}. Kept {_kept(store.keep)}.\n"
    rows = ((f"`{name}`", *_held(holds)) for name, holds in store.fields.items())
    yield from table(("field", "what it holds", "category", "whose", "purposes"), rows)


def _held(holds: Holds) -> tuple[str, str, str, str]:
    whose = "" if not holds.is_personal else f"{holds.whose} ({holds.whose.role})"
    category = "" if holds.category == "none" else holds.category.replace("_", " ")
    return holds.what, category, whose, ", ".join(holds.purposes)


def _kept(keep: Keep) -> str:
    period = f"until {keep.until}" if keep.until else f"{keep.days} days from `{keep.anchor}`"
    return f"{period.replace('_', ' ') if keep.until else period} (`{keep.promise}`)"
