"""The real command `callmissed up` in a folder of its own: started, stopped and killed from outside, as a person would."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from callmissed.app.installation import Installation, servers
from callmissed.app.settings import Settings
from tests.support.installation import free_port

READY = "CallMissed is ready at"
START_SECONDS = 90
STOP_SECONDS = 45

_numbers = itertools.count(1)


class Up:
    """One folder and the command run over it, again and again."""

    def __init__(self, home: Path, port: int, **environment: str) -> None:
        """Starts nothing. `environment` are further variables of the command."""
        self.home = home
        self.port = port
        self._environment = environment
        # Files of its own: a second copy over the same folder must not cut off what the first is still writing.
        number = next(_numbers)
        self._heard = home.parent / f"{home.name}.{number}.out"
        self._errors = home.parent / f"{home.name}.{number}.err"
        self._child: subprocess.Popen[bytes] | None = None
        self._family: list[psutil.Process] = []

    @property
    def pid(self) -> int:
        """The process id of the command."""
        assert self._child is not None
        return self._child.pid

    @property
    def said(self) -> str:
        """What this run has told the person so far."""
        return self._heard.read_text(encoding="utf-8")

    @property
    def complained(self) -> str:
        """What this run has written to its standard error."""
        return self._errors.read_text(encoding="utf-8")

    @property
    def links(self) -> dict[str, str]:
        """What `demo.json` says."""
        return json.loads((self.home / "demo.json").read_text(encoding="utf-8"))

    def spawn(self, *arguments: str, terminal: int | None = None) -> None:
        """Run the command without waiting for anything. It has a process group of its own, as at a terminal.

        `terminal` is a descriptor to speak to instead of the files behind `said` and `complained`.
        """
        with self._heard.open("wb") as out, self._errors.open("wb") as errors:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "callmissed.app.cli", *(arguments or ("up", "--demo"))],
                env=os.environ
                | {"CALLMISSED_HOME": str(self.home), "CALLMISSED_PORT": str(self.port)}
                | {"CALLMISSED_FIND_UPSTREAMS": "false"}
                | self._environment,
                stdout=terminal or out,
                stderr=terminal or errors,
                start_new_session=True,
            )

    def start(self) -> float:
        """Run `up --demo` until it says that it is ready. Seconds that took."""
        began = time.monotonic()
        self.spawn()
        while READY not in self.said:
            waited = time.monotonic() - began
            assert self._child is not None
            assert self._child.poll() is None and waited < START_SECONDS, self.said + self.complained
            time.sleep(0.01)
        return time.monotonic() - began

    def ended(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until the command ends by itself; its exit status, negative for a signal."""
        assert self._child is not None
        return self._child.wait(seconds)

    def family(self) -> list[psutil.Process]:
        """The command and everything below it, remembered for `survivors`."""
        own = psutil.Process(self.pid)
        self._family = [own, *own.children(recursive=True)]
        return self._family

    def signal(self, number: signal.Signals, *, group: bool = False) -> int:
        """Send a signal to the command, or to its process group as a terminal does; its exit status."""
        self.family()
        (os.killpg if group else os.kill)(self.pid, number)
        return self.ended()

    def kill(self, *, everything: bool = False) -> None:
        """SIGKILL to the command; with `everything` to its database servers in the same moment, as in a power cut."""
        family = self.family()
        for each in family if everything else family[:1]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.ended()

    def kill_database(self) -> None:
        """SIGKILL to the database server of the data plane alone; the command goes on and brings it back."""
        place = str(self.home / "data" / "data")
        [server] = [each for each in self.family() if each.is_running() and place in each.cmdline()]
        server.kill()
        psutil.wait_procs([server], 15)

    def clean(self) -> None:
        """End whatever still runs."""
        if self._child is not None and self._child.poll() is None:
            self.kill(everything=True)
        self.survivors()

    def survivors(self, seconds: float = 15) -> list[psutil.Process]:
        """Which processes of the family are still there, after waiting for their end."""
        return psutil.wait_procs(self._family, seconds)[1]

    def installation(self) -> Installation:
        """The running installation, for looking into its databases."""
        settings = Settings(home=self.home, port=self.port, find_upstreams=False)
        return Installation(settings, self.home, *servers(settings, self.home))


@contextmanager
def temporary_up(**environment: str) -> Generator[Up]:
    """A command over an empty folder; nothing of either is left at the end."""
    around = Path(tempfile.mkdtemp(prefix="cm-up-"))
    around.chmod(0o755)  # so that the database's own user may pass
    home = around / "var"
    up = Up(home, free_port(), **environment)
    try:
        yield up
    finally:
        up.clean()
        shutil.rmtree(around, ignore_errors=True)
