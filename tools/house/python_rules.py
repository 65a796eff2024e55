"""House rules about Python code."""

import ast
import re
from collections.abc import Iterator

from tools.house.rules import NodeRule, Rule, Source


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of names; "" for its part that is something else (a call, a subscript)."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


class Commit(NodeRule):
    """Design rule 1: the commit comes before the reply, and only the edge commits."""

    code = "commit"
    message = "only the transaction commits; a service returns and lets it"
    outside = ("callmissed/foundation/database/*", "callmissed/app/migrate.py")
    nodes = (ast.Call,)
    bad = ("await session.commit()", "await tx.session.commit()", "connection.commit()")
    good = ("await tx.session.flush()", "commit = await latest()", "await commit(tx)")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        call = node.func if isinstance(node, ast.Call) else None
        return ".commit()" if isinstance(call, ast.Attribute) and call.attr == "commit" else None


class TenantSetting(NodeRule):
    """The tenant of a transaction is set in one place, or row security proves nothing."""

    code = "tenant-setting"
    message = "only foundation/database says whose transaction it is; open db.tenant(access)"
    outside = ("callmissed/foundation/database/*", "callmissed/app/migrate.py")
    nodes = (ast.Constant,)
    bad = (
        "await c.execute(\"SELECT set_config('app.tenant_id', $1, true)\")",
        'await c.execute("SET LOCAL app.tenant_id = 1")',
        'q = "set session authorization boss"',
    )
    good = ('"""Never SET app.tenant_id by hand."""', 'q = "UPDATE bot SET name = :name"')
    pattern = re.compile(
        r"\bset_config\s*\(|\bset\s+((local|session)\s+)?(app\.|role\b|authorization\b)", re.IGNORECASE
    )

    def offence(self, node: ast.AST, source: Source) -> str | None:
        value = node.value if isinstance(node, ast.Constant) else None
        if not isinstance(value, str) or id(node) in source.docstrings:
            return None
        match = self.pattern.search(value)
        return match[0] if match else None


class HttpException(NodeRule):
    """Design rule 7: errors are Problems named in the domain, rendered once at the edge."""

    code = "http-exception"
    message = "raise a Problem of the room"
    outside = ("callmissed/foundation/http/*",)
    nodes = (ast.alias, ast.Attribute)
    bad = ("from fastapi import HTTPException", "raise fastapi.HTTPException(404)")
    good = ("raise KeyUnknown", "from callmissed.foundation.problems import Problem")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        name = node.name if isinstance(node, ast.alias) else dotted(node)
        return "HTTPException" if name.rsplit(".", 1)[-1] == "HTTPException" else None


class WallClock(NodeRule):
    """One clock, so that drills and tests can move it."""

    code = "clock"
    message = "ask callmissed.foundation.clock (time.monotonic measures durations)"
    outside = ("callmissed/foundation/clock.py",)
    nodes = (ast.Call, ast.ImportFrom)
    bad = (
        "now = datetime.now(UTC)",
        "now = datetime.datetime.utcnow()",
        "day = date.today()",
        "t = time.time()",
        "t = time.time_ns()",
        "from time import time",
    )
    good = (
        "now = clock.now()",
        "t = time.monotonic()",
        "t = datetime.fromisoformat(s)",
        "from datetime import time",
    )
    calls = re.compile(r"(^|\.)((datetime\.(now|utcnow|today))|(date\.today)|(time\.time(_ns)?))$")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        if isinstance(node, ast.ImportFrom):
            wrong = node.module == "time" and any(n.name in {"time", "time_ns"} for n in node.names)
            return "from time import time" if wrong else None
        name = dotted(node.func) if isinstance(node, ast.Call) else ""
        return f"{name}()" if self.calls.search(name) else None


class Mock(NodeRule):
    """Design rule 8: what works on a laptop is part of the product; a test uses that, not a mock."""

    code = "mock"
    message = "use the adapter that works on a laptop, or give the reason: # house: mock why"
    within = ("tests/*.py", "bench/*.py")
    example_path = "tests/rooms/bots/test_replies.py"
    nodes = (ast.Attribute, ast.alias)
    bad = (
        "monkeypatch.setattr(mail, 'send', fake)",
        "with mock.patch('x.y'): ...",
        "from unittest.mock import MagicMock",
    )
    good = (
        "monkeypatch.setenv('CALLMISSED_PORT', '1')",
        "monkeypatch.setattr(os, 'fsync', slow)  # house: mock the disk cannot be made slow",
    )
    names = frozenset({"MagicMock", "AsyncMock", "Mock", "patch", "create_autospec"})

    def offence(self, node: ast.AST, source: Source) -> str | None:
        if isinstance(node, ast.alias):
            return node.name if node.name in self.names else None
        name = dotted(node)
        wrong = name in {"monkeypatch.setattr", "monkeypatch.setitem", "mock.patch"} or name.startswith(
            "mocker."
        )
        return name if wrong else None


class Testing(NodeRule):
    """Design rule 8: the app under test is the app."""

    code = "testing"
    message = "the app under test is the app; make the difference a setting or an adapter"
    nodes = (ast.Name, ast.Attribute, ast.Constant)
    bad = (
        "if settings.testing: pass",
        "if is_testing(): pass",
        'if "PYTEST_CURRENT_TEST" in os.environ: pass  # noqa',
        'x = "pytest" in sys.modules',
    )
    good = ("if settings.demo: pass", 'note = "testing the waters"')
    names = frozenset({"testing", "is_testing", "in_test", "under_test", "test_mode"})

    def offence(self, node: ast.AST, source: Source) -> str | None:
        if isinstance(node, ast.Constant):
            return node.value if node.value in {"PYTEST_CURRENT_TEST", "pytest"} else None
        name = dotted(node).rsplit(".", 1)[-1]
        return name if name.lower() in self.names else None


class BuiltSql(NodeRule):
    """SQL is written, not assembled from strings. Sees what ruff's S608 does not; a reason given to that one counts."""

    code = "built-sql"
    message = "bind parameters; where only a name can vary, say where it comes from: # house: built-sql why"
    nodes = (ast.Call,)
    bad = (
        'await session.execute(text(f"SELECT {column} FROM bot"))',
        'await c.execute("SELECT * FROM bot WHERE id = %s" % id)',
        'q = text("SELECT 1 FROM {}".format(table))',
        'await c.fetch("SELECT " + columns)',
    )
    good = (
        'await session.execute(text("SELECT 1 WHERE id = :id"), {"id": id})',
        'await c.execute("SELECT %s", [id])',
        'await c.execute(text(f"SELECT 1"))',
        'await c.execute(\n    f"SELECT * FROM {t}"  # noqa: S608 - a table of ours\n)',
        'await c.execute(SQL("DROP ROLE {}").format(Identifier(name)))',
    )
    calls = frozenset(
        {"text", "SQL", "DDL", "execute", "executemany", "exec_driver_sql", "fetch", "fetchrow", "fetchval"}
    )

    def offence(self, node: ast.AST, source: Source) -> str | None:
        if not isinstance(node, ast.Call) or not node.args or self.excused(node, source):
            return None
        name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
        return f"{name}()" if name in self.calls and self.built(node.args[0]) else None

    @staticmethod
    def excused(node: ast.Call, source: Source) -> bool:
        """Whether a line of the call suppresses S608 (with a reason, or `bare-suppression` speaks up)."""
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        return any("S608" in source.comments.get(line, "") for line in lines)

    @staticmethod
    def built(node: ast.AST) -> bool:
        """Whether the expression puts a string together at run time."""
        if isinstance(node, ast.JoinedStr):
            return any(isinstance(part, ast.FormattedValue) for part in node.values)
        if isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            joined = any(isinstance(side, ast.JoinedStr | ast.Constant) for side in sides)
            return isinstance(node.op, ast.Mod | ast.Add) and joined
        call = node.func if isinstance(node, ast.Call) else None
        texts = ast.Constant | ast.JoinedStr
        return isinstance(call, ast.Attribute) and call.attr == "format" and isinstance(call.value, texts)


class Environment(NodeRule):
    """A setting that is not in Settings is not documented."""

    code = "environ"
    message = "read it in app/settings.py, where it is documented and checked"
    outside = ("callmissed/app/settings.py",)
    nodes = (ast.Attribute, ast.alias)
    bad = ('x = os.environ["HOME"]', 'x = os.getenv("HOME")', "from os import environ")
    good = ("x = settings.port", "os.getpid()")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        name = node.name if isinstance(node, ast.alias) else dotted(node)
        return name if name in {"os.environ", "os.getenv", "environ", "getenv"} else None


class Relationship(NodeRule):
    """Load what you show: a relation that was not asked for raises instead of querying."""

    code = "relationship"
    message = 'say lazy="raise"'
    nodes = (ast.Call,)
    bad = ("wallet = relationship()", 'wallet = orm.relationship(lazy="select")')
    good = ('wallet = relationship(lazy="raise")', "relationship_of(a, b)")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        if not isinstance(node, ast.Call) or dotted(node.func).rsplit(".", 1)[-1] != "relationship":
            return None
        lazy = [k.value for k in node.keywords if k.arg == "lazy"]
        fine = lazy and isinstance(lazy[0], ast.Constant) and lazy[0].value == "raise"
        return None if fine else "relationship()"


class BroadExcept(NodeRule):
    """Design rule 7: whoever catches everything says on that line why."""

    code = "broad-except"
    message = "name the exceptions, or give the reason in a comment on this line"
    within = ("callmissed/*.py", "tools/*.py", "bench/*.py", "tests/*.py")
    nodes = (ast.ExceptHandler,)
    bad = (
        "try:\n    x()\nexcept Exception:\n    pass",
        "try:\n    x()\nexcept (OSError, BaseException):  # noqa: BLE001\n    raise",
        "try:\n    x()\nexcept:\n    raise",
    )
    good = (
        "try:\n    x()\nexcept OSError:\n    pass",
        "try:\n    x()\nexcept Exception:  # noqa: BLE001 - one bad job must not stop the sweep\n    pass",
    )

    def offence(self, node: ast.AST, source: Source) -> str | None:
        if not isinstance(node, ast.ExceptHandler):
            return None
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        broad = any(k is None or dotted(k) in {"Exception", "BaseException"} for k in kinds)
        comment = re.sub(r"# *noqa:? *[A-Z0-9, ]*", "", source.comments.get(node.lineno, ""))
        return "broad except" if broad and len(re.findall(r"[^\W\d_]+", comment)) < 3 else None


class BareSuppression(Rule):
    """Design rule 13: a suppression carries its code and its reason."""

    code = "bare-suppression"
    message = "name the code and the reason: # noqa: S603 - the command is our own"
    within = ("callmissed/*.py", "tests/*.py", "tools/*.py", "bench/*.py", "migrations/*.py")
    bad = (
        "x = 1  # noqa",
        "x = 1  # noqa: S603",
        "x = y  # type: ignore",
        "x = y  # type: ignore[arg-type]",
        "x = y  # pyright: ignore[reportAny]",
    )
    good = (
        "x = 1  # noqa: S603 - the command is our own",
        "x = y  # type: ignore[arg-type]  # the stub lags behind",
        "x = y  # pyright: ignore[reportAny] - the library is untyped",
    )
    pattern = re.compile(
        r"#\s*(?:noqa\b(?P<noqa>:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?"
        r"|(?:type|pyright|basedpyright):\s*ignore(?P<types>\[[\w, -]+\])?)(?P<reason>.*)"
    )

    def look(self, source: Source) -> Iterator[tuple[int, str]]:
        for line, comment in source.comments.items():
            match = self.pattern.search(comment)
            if not match:
                continue
            coded = match["noqa"] or match["types"]
            if not coded or len(re.findall(r"[^\W\d_]{2,}", match["reason"])) < 2:
                yield line, match[0].strip()[:40]


RULES: tuple[Rule, ...] = (
    Commit(),
    TenantSetting(),
    HttpException(),
    WallClock(),
    Mock(),
    Testing(),
    BuiltSql(),
    Environment(),
    Relationship(),
    BroadExcept(),
    BareSuppression(),
)
