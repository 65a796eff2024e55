"""The two C programs of the gateway's benchmark: a model server that answers at once, and a load that checks every answer."""

import json
import os
import subprocess
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
GATEWAY_CORE, OTHERS_CORE = 0, 1
ANSWER, PIECE, PIECES = "ANSWER-399", "PIECE-399", 20
"""What stands once in a whole answer, and once in each of the pieces of a stream (see mock.c)."""


def compiled(folder: Path, name: str) -> Path:
    """One of the programs, made with the system's C compiler. Raises CalledProcessError."""
    program = folder / name
    subprocess.run(["gcc", "-O2", "-o", str(program), str(HERE / f"{name}.c")], check=True)
    return program


@contextmanager
def pinned(
    core: int,
    command: list[str],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: int | None = None,
) -> Generator[subprocess.Popen[str]]:
    """A program on one core, ended with the block: asked first, then made to. Only this process is touched, by its handle."""
    told = os.environ | dict(environment or {})
    on_core = ["taskset", "-c", str(core), *command]
    with subprocess.Popen(
        on_core, text=True, env=told, cwd=folder, stdout=output, stderr=subprocess.STDOUT if output else None
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def mock_upstream(folder: Path) -> Generator[int]:
    """The model server: its port."""
    with pinned(OTHERS_CORE, [str(compiled(folder, "mock"))], output=subprocess.PIPE) as process:
        assert process.stdout
        yield int(process.stdout.readline())


@dataclass(frozen=True, slots=True)
class Shape:
    """How requests are sent: so many connections, for so many seconds or requests (0: no end), `rate` a second (0: all there is)."""

    connections: int
    seconds: float = 0
    count: int = 0
    rate: float = 0
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. Times in milliseconds; the first byte is the first of the body. Everything not `good` is an error."""

    good: int
    bad_status: int
    last_bad: int
    bad_body: int
    broken: int
    unanswered: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float
    first_p99_ms: float

    @property
    def errors(self) -> int:
        """Requests that were not answered with status 200 and the right body."""
        return self.bad_status + self.bad_body + self.broken + self.unanswered

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where load goes: a port, the requests to send (a file each), the process whose tree is watched, if any.

    `lap` requests are sent before each round, not counted: enough to meet every key once.
    """

    port: int
    plain: Path
    streamed: Path
    process: psutil.Process | None = None
    lap: int = 200


@dataclass(frozen=True, slots=True)
class Round:
    """One round: what came of it, CPU of the target for a request in µs, share of its core that others took."""

    outcome: Outcome
    cpu_us: float
    others: float


class Load:
    """The load generator."""

    def __init__(self, folder: Path) -> None:
        self._program = compiled(folder, "load")

    def run(self, target: Target, shape: Shape) -> Round:
        """Send, and wait for the end. Raises CalledProcessError when the generator itself fails."""
        file = target.streamed if shape.streamed else target.plain
        sent = (shape.connections, shape.seconds, shape.count, shape.rate)
        mark = (PIECE, PIECES) if shape.streamed else (ANSWER, 1)
        command = [self._program, target.port, file, *sent, *mark]
        before, core = cpu_seconds(target.process), busy_seconds()
        done = subprocess.run(
            ["taskset", "-c", str(OTHERS_CORE), *map(str, command)], check=True, capture_output=True
        )
        used, core = cpu_seconds(target.process) - before, busy_seconds() - core
        outcome = Outcome(**json.loads(done.stdout))
        took = outcome.seconds or 1.0
        return Round(outcome, used / max(outcome.good, 1) * 1e6, max(0.0, (core - used) / took))


def tree(process: psutil.Process | None) -> list[psutil.Process]:
    """A process and everything below it."""
    return [process, *process.children(recursive=True)] if process else []


def cpu_seconds(process: psutil.Process | None) -> float:
    """User and system time of a process and everything below it."""
    times = [each.cpu_times() for each in tree(process)]
    return sum(each.user + each.system for each in times)


def busy_seconds() -> float:
    """How long the gateway's core has been busy, whoever kept it so."""
    times = psutil.cpu_times(percpu=True)[GATEWAY_CORE]
    return sum(times) - times.idle


def resident(process: psutil.Process | None) -> float:
    """Resident memory of a process and everything below it, in MB."""
    return sum(each.memory_info().rss for each in tree(process)) / 1e6


def request(path: str, body: dict[str, object], headers: dict[str, str]) -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body, separators=(",", ":")).encode()
    sent = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        **headers,
        "content-length": str(len(content)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


def written(path: Path, requests: Iterable[bytes]) -> Path:
    """A file of requests as load.c reads it."""
    path.write_bytes(b"".join(b"%d\n%s" % (len(each), each) for each in requests))
    return path


def stay_off_the_gateways_core() -> None:
    """Move this process, and what it starts from now on, to the other core; BENCH_NICE says how much to ask for before others."""
    os.sched_setaffinity(0, {OTHERS_CORE})
    os.nice(int(os.environ.get("BENCH_NICE", "0")))
