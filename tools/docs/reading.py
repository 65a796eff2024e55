"""What the product has: its settings, commands, problems, events, tables and stores, read from the loaded code."""

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

import callmissed
from callmissed.app.cli import cli
from callmissed.app.settings import Settings
from callmissed.app.wiring import subscribe
from callmissed.foundation.events import Event
from callmissed.foundation.problems import Problem

PACKAGE = Path(callmissed.__file__).parent


def everything() -> None:
    """Import every module of the product, so that what declares itself by existing is there."""
    for path in sorted(PACKAGE.glob("**/*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        if not module.endswith("__main__"):
            import_module(module)
    subscribe()


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the terminal: its words, what it does, and (written form, description) of what it takes."""

    words: str
    help: str
    takes: tuple[tuple[str, str], ...]


def settings() -> Iterator[tuple[str, FieldInfo]]:
    """Each setting by the name of its environment variables, joined by "or"."""
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names = list(alias.choices) if isinstance(alias, AliasChoices) else [f"CALLMISSED_{name.upper()}"]
        yield " or ".join(f"`{each}`" for each in names), field


def commands(command: click.Command = cli, words: str = "callmissed") -> Iterator[Command]:
    """Every command that does something, depth first; a group is only the way to its commands."""
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], f"{words} {name}")
        return
    takes: list[tuple[str, str]] = []
    for each in command.params:
        if isinstance(each, click.Option):
            takes.append((", ".join(each.opts), each.help or ""))
        else:
            takes.append(((each.name or "").upper(), "required" if each.required else "optional"))
    yield Command(words, " ".join((command.help or "").split()), tuple(takes))


def events() -> list[type[Event]]:
    """Every kind of event, by name. A dataclass with slots leaves the class it was made from behind: not that one."""
    ours = (each for each in _below(Event) if is_ours(each))
    named = (each for each in ours if getattr(sys.modules[each.__module__], each.__name__, None) is each)
    return sorted(named, key=lambda each: each.__name__)


def problems() -> list[type[Problem]]:
    """Every problem of the product, by code."""
    return [each for _, each in sorted(Problem.catalogue.items()) if is_ours(each)]


def is_ours(kind: type) -> bool:
    """Whether a class belongs to the product, not to a test."""
    return kind.__module__.split(".")[0] == "callmissed"


def first_paragraph(kind: type) -> str:
    """What a class says it is, on one line; empty when it says nothing of its own."""
    own = kind.__dict__.get("__doc__") or ""
    return " ".join(inspect.cleandoc(own).split("\n\n")[0].split())


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
