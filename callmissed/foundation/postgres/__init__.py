"""Our own PostgreSQL: found, set up, started, watched and stopped; or one that others run.

`Cluster` is one server with one data directory, `Outside` one behind a URL; both give a `Dsn` for a role and a
database. `ensure_roles` and `ensure_key_roles` make the roles and databases of the data plane and of the key plane.
"""

from callmissed.foundation.postgres.binaries import Binaries, find_binaries
from callmissed.foundation.postgres.cluster import Cluster
from callmissed.foundation.postgres.dsn import ADMIN, Dsn, Outside, Server
from callmissed.foundation.postgres.places import orphans
from callmissed.foundation.postgres.roles import DATABASE, KEYS_DATABASE, ensure_key_roles, ensure_roles

__all__ = [
    "ADMIN",
    "DATABASE",
    "KEYS_DATABASE",
    "Binaries",
    "Cluster",
    "Dsn",
    "Outside",
    "Server",
    "ensure_key_roles",
    "ensure_roles",
    "find_binaries",
    "orphans",
]
