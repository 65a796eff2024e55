"""A real installation for the tests of one process: embedded PostgreSQL, migrated, wired; gone without a trace at the end."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from callmissed.app.installation import Installation, running
from callmissed.app.settings import Settings
from callmissed.foundation.postgres import Cluster


@contextmanager
def temporary_installation(**settings: object) -> Generator[Installation]:
    """An installation in a folder of its own, removed with everything it wrote elsewhere."""
    home = Path(tempfile.mkdtemp(prefix="cm-test-"))
    home.chmod(0o755)
    places: list[Path] = []
    try:
        with running(Settings(home=home, find_upstreams=False, **settings)) as installation:  # pyright: ignore[reportArgumentType]
            servers = (installation.data, installation.keys)
            places = [server.place.folder for server in servers if isinstance(server, Cluster)]
            yield installation
    finally:
        for place in (*places, home):
            shutil.rmtree(place, ignore_errors=True)
