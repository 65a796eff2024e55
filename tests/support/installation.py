"""A real installation for the tests of one process: embedded PostgreSQL, migrated, wired; gone without a trace at the end."""

import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from callmissed.app.installation import Installation, running
from callmissed.app.settings import Settings
from callmissed.foundation.postgres import Cluster


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def temporary_installation(**settings: Any) -> Generator[Installation]:
    """An installation in a folder of its own, removed with everything it wrote elsewhere."""
    home = Path(tempfile.mkdtemp(prefix="cm-test-"))
    home.chmod(0o755)  # so that the database's own user may pass; pytest's tmp_path is closed to it
    places: list[Path] = []
    try:
        with running(Settings(home=home, port=free_port(), find_upstreams=False, **settings)) as installation:
            servers = (installation.data, installation.keys)
            places = [server.place.folder for server in servers if isinstance(server, Cluster)]
            yield installation
    finally:
        for place in (*places, home):
            shutil.rmtree(place, ignore_errors=True)
