"""Running the process: the web server and the worker, together on one machine or apart on several."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

import uvicorn

from callmissed.app.http_protocol import Protocol
from callmissed.app.installation import Installation
from callmissed.app.main import create_app
from callmissed.app.settings import Settings
from callmissed.app.wiring import wired
from callmissed.foundation.access_log import AccessLog
from callmissed.foundation.jobs import Worker
from callmissed.foundation.postgres import Cluster
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services

log = logging.getLogger(__name__)

Ready = Callable[[Services], Coroutine[Any, Any, None]]


class PortTaken(Problem):
    """Another program already listens on this address. Stop it, or choose another port with CALLMISSED_PORT."""

    status = 500
    code = "port_taken"


BACKLOG = 2048
DRAIN_SECONDS = 10
"""How long open requests may finish once the process was asked to stop."""


KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection: whoever reuses one must not meet its end."""


class Server(uvicorn.Server):
    """Uvicorn without its own signal handling: this process decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


async def serve(
    installation: Installation,
    listening: socket.socket | None,
    *,
    work: bool = True,
    ready: Ready | None = None,
) -> None:
    """Serve on that socket, if any, until SIGTERM or SIGINT. `ready` runs once everything answers."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with wired(installation) as services, asyncio.TaskGroup() as group:
        tasks = [group.create_task(_watch(server)) for server in (installation.data, installation.keys)]
        if work:
            worker = Worker(installation.data_plane("cm_worker").psycopg, services)
            tasks.append(group.create_task(worker.run(), name="worker"))
        if listening:
            await services.get(AccessLog).begin()
        server = web_server(services, installation)
        served = group.create_task(server.serve([listening]), name="web") if listening else None
        while served and not server.started and not served.done():  # noqa: ASYNC110 - uvicorn sets a flag, no event
            await asyncio.sleep(0.02)
        if ready:
            await ready(services)
        _keep_what_stays()
        await stopping.wait()
        await services.live.stop()
        server.should_exit = True
        if served:
            await served
        for task in tasks:
            task.cancel()


GC_THRESHOLDS = (20_000, 20, 50)
"""New objects before the youngest are looked through, and how many such looks before the older ones are. Requests leave few cycles;
at Python's usual 700 objects the collector ran for each second request, 4 % of the gateway's time."""


def _keep_what_stays() -> None:
    """Spare the garbage collector everything that lives as long as the process: each full collection would walk over all of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def web_server(services: Services, installation: Installation) -> Server:
    """The web server over the application."""
    settings = installation.settings
    return Server(
        uvicorn.Config(
            create_app(services, settings),
            http=Protocol,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            lifespan="off",
        )
    )


def listen(settings: Settings) -> socket.socket:
    """The listening socket, taken before anything slow starts. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    taken = socket.socket(family)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((settings.host, settings.port))
        taken.listen(BACKLOG)  # or a second process that starts meanwhile could take it too
    except OSError as failure:
        taken.close()
        raise PortTaken(address=f"{settings.host}:{settings.port}") from failure
    taken.set_inheritable(False)
    return taken


async def _watch(server: object) -> None:
    """Bring an embedded server of this process back when it dies alone."""
    if isinstance(server, Cluster) and server.pid is not None:
        await server.watch(lambda why: log.warning("database restarted: %s", why))
