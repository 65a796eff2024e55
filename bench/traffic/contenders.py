"""Gateways of others, installed and started as their makers say, each on the same core: nginx, Portkey's gateway, LiteLLM's proxy.

They are kept in a folder outside the repository (BENCH_CACHE, a temporary folder by default). What cannot be installed here
is not measured, and the table says so.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from bench.traffic.programs import GATEWAY_CORE, Target, pinned, request, written
from tests.support.installation import free_port

CACHE = Path(os.environ.get("BENCH_CACHE") or Path(tempfile.gettempdir()) / "callmissed-bench")
MODEL = "bench"
LOOPBACK_ONLY = "sk-bench-only-on-the-loopback"
READY_SECONDS = 120
QUESTION = "An AC service costs 499 rupees, a visit 399. How much is a visit, and on which days do you come?"
BODY: dict[str, object] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "You answer for a repair shop in Pune. Be short and friendly."},
        {"role": "user", "content": QUESTION},
    ],
    "max_tokens": 100,
}


@dataclass(frozen=True, slots=True)
class Started:
    """How one of them is started: command, environment, folder; and how it is asked: path and headers."""

    command: list[str]
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    environment: dict[str, str] = field(default_factory=dict[str, str])
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """One of them. `install` returns its version and raises OSError or CalledProcessError; `begin` says how it is started."""

    name: str
    about: str
    install: Callable[[], str]
    begin: Callable[[Path, int, int], Started]


def run(command: list[str], folder: Path) -> str:
    """What a command says. Raises CalledProcessError, OSError."""
    return subprocess.run(
        command, cwd=folder, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout


def _once(name: str, commands: Callable[[Path], list[list[str]]]) -> Path:
    """A folder of the cache in which these commands have run to their end."""
    folder = CACHE / name
    done = folder / ".installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for command in commands(folder):
            run(command, folder)
        done.touch()
    return folder


# nginx


def _nginx_program() -> str:
    if found := shutil.which("nginx"):
        return found
    unpack = ["sh", "-c", "dpkg -x nginx_*.deb unpacked"]
    return str(
        _once("nginx", lambda _: [["apt-get", "download", "nginx"], unpack]) / "unpacked/usr/sbin/nginx"
    )


def _install_nginx() -> str:
    return run([_nginx_program(), "-v"], Path("/")).strip().rpartition("/")[2]


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000;
  {temporary}
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


def _begin_nginx(folder: Path, port: int, upstream: int) -> Started:
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{each}_temp_path {folder}/{each};" for each in places)
    settings = folder / "nginx.conf"
    settings.write_text(NGINX.format(folder=folder, temporary=temporary, upstream=upstream, port=port))
    return Started([_nginx_program(), "-p", str(folder), "-c", str(settings)])


# Portkey's gateway

OVERRIDES = {"private": True, "overrides": {"@hono/node-server": "1.3.3"}}
"""With what npm resolves otherwise, every stream ends in status 500 (TypeError: immutable)."""


def _portkey() -> Path:
    def commands(folder: Path) -> list[list[str]]:
        (folder / "package.json").write_text(json.dumps(OVERRIDES))
        return [["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "@portkey-ai/gateway"]]

    return _once("portkey", commands) / "node_modules/@portkey-ai/gateway"


def _install_portkey() -> str:
    node = run(["node", "--version"], Path("/")).strip()
    return f"{json.loads((_portkey() / 'package.json').read_text())['version']} on Node {node}"


def _begin_portkey(_: Path, port: int, upstream: int) -> Started:
    return Started(
        ["node", str(_portkey() / "build/start-server.js"), "--headless", f"--port={port}"],
        headers={
            "authorization": f"Bearer {LOOPBACK_ONLY}",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
        },
        environment={"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
    )


# LiteLLM's proxy


def _litellm() -> Path:
    made = [[sys.executable, "-m", "venv", "venv"], ["venv/bin/pip", "install", "--quiet", "litellm[proxy]"]]
    return _once("litellm", lambda _: made) / "venv/bin"


def _install_litellm() -> str:
    told = "import sys, importlib.metadata as m; print(m.version('litellm'), 'on Python', sys.version.split()[0])"
    return run([str(_litellm() / "python"), "-c", told], Path("/")).strip()


LITELLM = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: "http://127.0.0.1:{upstream}/v1", api_key: {secret}}}
general_settings: {{master_key: {secret}}}
"""


def _begin_litellm(folder: Path, port: int, upstream: int) -> Started:
    settings = folder / "litellm.yaml"
    settings.write_text(LITELLM.format(model=MODEL, upstream=upstream, secret=LOOPBACK_ONLY))
    command = [
        str(_litellm() / "litellm"),
        "--config",
        str(settings),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    return Started(
        [*command, "--num_workers", "1"],
        headers={"authorization": f"Bearer {LOOPBACK_ONLY}"},
        environment={
            "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True",
        },
        folder=folder,
    )  # fmt: skip


CONTENDERS = (
    Contender("nginx", "plain reverse proxy, no key, no metering: the limit", _install_nginx, _begin_nginx),
    Contender("Portkey", "no key of its own, no metering", _install_portkey, _begin_portkey),
    Contender("LiteLLM", "one master key, no database, no metering", _install_litellm, _begin_litellm),
)


@contextmanager
def running(contender: Contender, folder: Path, upstream: int) -> Generator[Target]:
    """One of them on the gateway's core, once it answers. Raises OSError when it does not."""
    folder.mkdir()
    port = free_port()
    how = contender.begin(folder, port, upstream)
    streams: dict[str, object] = {**BODY, "stream": True}
    with (
        (folder / "log").open("wb") as log,
        pinned(GATEWAY_CORE, how.command, how.environment, how.folder, log.fileno()) as process,
    ):
        until_it_answers(f"http://127.0.0.1:{port}{how.path}", how.headers)
        yield Target(
            port,
            written(folder / "plain", [request(how.path, BODY, how.headers)]),
            written(folder / "streamed", [request(how.path, streams, how.headers)]),
            psutil.Process(process.pid),
        )


def until_it_answers(url: str, headers: dict[str, str]) -> None:
    """Ask until status 200. Raises TimeoutError."""
    ends_at = time.monotonic() + READY_SECONDS
    with httpx.Client(timeout=10, trust_env=False) as client:
        while time.monotonic() < ends_at:
            try:
                if client.post(url, json=BODY, headers=headers).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
    raise TimeoutError(f"nothing answers at {url}")
