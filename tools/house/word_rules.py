"""House rules about words: one thing has one name, and it is the field's."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.house.rules import NodeRule, Rule, Source

EVERYWHERE = ("callmissed/*.py", "tests/*.py", "tools/*.py", "bench/*.py", "migrations/*.py")
PLACES_TO_HIDE = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "managers", "handler", "handlers"}
)


def words(name: str) -> list[str]:
    """`BotReply`, `bot_reply` → bot, reply."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def defined_name(node: ast.AST) -> str:
    """The name that a definition, an argument or an assignment introduces; "" for anything else."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else ""


class BotOrTeammate(NodeRule):
    """The word means a human in a contact centre and a program in AI: we say which."""

    code = "agent"
    message = "say bot (the program) or teammate (the human)"
    within = EVERYWHERE
    nodes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg, ast.Name)
    bad = ("def assign_agent(): ...", "class AgentReply: ...", "def f(agent): ...", "human_agent = 1")
    good = ("def assign_teammate(): ...", "user_agent = request.headers['user-agent']", "class Agenda: ...")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        name = defined_name(node)
        found = words(name)
        wrong = any(w in {"agent", "agents"} and found[i - 1 : i] != ["user"] for i, w in enumerate(found))
        return name if wrong else None


class PlaceToHide(NodeRule):
    """`utils` is where domains go to die."""

    code = "hiding-place"
    message = "name it for what it does"
    within = EVERYWHERE
    nodes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    bad = (
        "class BotManager: ...",
        "def reply_handler(): ...",
        "class CommonThings: ...",
        "def csv_utils(): ...",
    )
    good = ("class Bot: ...", "@contextmanager\ndef opened(): ...", "def most_common(): ...")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        name = defined_name(node)
        banned = PLACES_TO_HIDE | ({"common"} if isinstance(node, ast.ClassDef) else set())
        return name if banned & set(words(name)) else None


class HidingModule(Rule):
    """The same for modules and folders."""

    code = "hiding-module"
    message = "name the module for what it decides or holds"
    within = EVERYWHERE
    example_path = "callmissed/bots/utils.py"
    bad = ("",)
    good = ()

    def look(self, source: Source) -> Iterator[tuple[int, str]]:
        for part in PurePosixPath(source.path).with_suffix("").parts:
            if (PLACES_TO_HIDE | {"common", "agent", "agents", "misc"}) & set(words(part)):
                yield 1, part


class Erase(NodeRule):
    """PostgreSQL keeps the bytes of what is deleted; a person is erased, by destroying their keys."""

    code = "erase"
    message = "a person is erased, not deleted"
    within = EVERYWHERE
    nodes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    bad = ("async def delete_contact(tx): ...", "def remove_user(): ...", "class DeletePerson: ...")
    good = ("async def erase_contact(tx): ...", "def delete_webhook(): ...", "def remove_user_role(): ...")
    persons = frozenset(
        {"person", "people", "user", "contact", "visitor", "principal", "persons", "users", "contacts"}
    )

    def offence(self, node: ast.AST, source: Source) -> str | None:
        found = words(defined_name(node))
        deletes = any(verb in found for verb in ("delete", "remove", "purge"))
        return defined_name(node) if deletes and found[-1:] and found[-1] in self.persons else None


RULES: tuple[Rule, ...] = (BotOrTeammate(), PlaceToHide(), HidingModule(), Erase())
