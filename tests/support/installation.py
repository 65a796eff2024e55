"""A real installation for the tests of one process: embedded PostgreSQL, migrated, wired; gone without a trace at the end."""

import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from callmissed.app.installation import Installation, running
from callmissed.app.settings import Settings
from callmissed.foundation import clock
from callmissed.foundation.postgres import Cluster


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def make_months_before(installation: Installation) -> None:
    """Room for rows of the last 90 days: an installation begins with its first month, and tests look back beyond that."""
    asked = "SELECT cm.ensure_partitions(partrelid, %s, 3) FROM pg_partitioned_table"
    with psycopg.connect(installation.data_plane("cm_app").psycopg) as connection:
        connection.execute(asked, (clock.today() - timedelta(days=90),))


@contextmanager
def temporary_installation(**settings: Any) -> Generator[Installation]:
    """An installation in a folder of its own, removed with everything it wrote elsewhere."""
    home = Path(tempfile.mkdtemp(prefix="cm-test-"))
    home.chmod(0o755)  # so that the database's own user may pass; pytest's tmp_path is closed to it
    places: list[Path] = []
    try:
        with running(Settings(home=home, port=free_port(), find_upstreams=False, **settings)) as installation:
            servers = (installation.data, installation.keys)
            make_months_before(installation)
            places = [server.place.folder for server in servers if isinstance(server, Cluster)]
            yield installation
    finally:
        for place in (*places, home):
            shutil.rmtree(place, ignore_errors=True)
