"""Who may open a connection. Each of these modules asks the register of destinations first, or talks to a database of ours."""

import ast
import re
from typing import ClassVar

from tools.house.python_rules import dotted
from tools.house.rules import NodeRule, Rule, Source

LIBRARIES = re.compile(
    r"(socket|httpx|requests|aiohttp|urllib3|urllib\.request|http\.client|ftplib|smtplib|imaplib|poplib|xmlrpc|aiosmtplib|pyreqwest"
    r"|dns|websockets|redis|psycopg|psycopg_pool|asyncpg|obstore|grpc|paramiko|pycurl)(\..*)?"
)
CONNECTING = {
    "create_connection",
    "open_connection",
    "create_datagram_endpoint",
    "sock_connect",
    "create_async_engine",
    "create_engine",
}


class Network(NodeRule):
    """Policy §1: nothing leaves but to destinations of the register. A new place that connects asks it, and is listed here."""

    code = "network"
    message = "connect where foundation/egress is asked first, or ask it here and list this module in tools/house/network_rules.py"
    nodes = (ast.Import, ast.ImportFrom, ast.Call)
    outside: ClassVar[tuple[str, ...]] = (
        "callmissed/foundation/mail/carriers.py",
        "callmissed/gateway/upstreams/http_client.py",
        "callmissed/gateway/limits_shared.py",
        "callmissed/identity/dns.py",
        "callmissed/identity/oidc/fetching.py",
        # Databases of the installation: app/destinations.py declares and asks for them when the process opens its pools.
        "callmissed/app/doctor.py",
        "callmissed/app/migrate.py",
        "callmissed/foundation/database/*.py",
        "callmissed/foundation/live.py",
        "callmissed/foundation/postgres/*.py",
        "callmissed/foundation/vault/*.py",
        # They name what the driver of the database raises.
        "callmissed/foundation/often.py",
        # The port that the web server listens on.
        "callmissed/app/serving.py",
    )
    bad = (
        "import httpx",
        "import urllib.request",
        "from http.client import HTTPConnection",
        "from urllib import request",
        "from aiosmtplib import send",
        "await asyncio.open_connection(host, 443)",
        "await loop.create_connection(make, host, 443)",
        'library = import_module("redis.asyncio")',
    )
    good = ("from urllib.parse import urlsplit", "from http import HTTPStatus", "self.connections.open(name)")

    def offence(self, node: ast.AST, source: Source) -> str | None:
        return next((name for name in _named(node) if LIBRARIES.fullmatch(name)), None) or _connects(node)


def _named(node: ast.AST) -> list[str]:
    """The modules a node imports, by any way of importing."""
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    if isinstance(node, ast.Call) and dotted(node.func).rsplit(".", 1)[-1] in {"import_module", "__import__"}:
        return [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
    return []


def _connects(node: ast.AST) -> str | None:
    name = dotted(node.func).rsplit(".", 1)[-1] if isinstance(node, ast.Call) else ""
    return name if name in CONNECTING else None


RULES: tuple[Rule, ...] = (Network(),)
