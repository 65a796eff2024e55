"""How the server is set up: a small footprint, every commit on disk, and no personal data in its log.

All of it travels on the command line: it wins over `ALTER SYSTEM`, it changes with the code, and root never has to
write into a directory that belongs to the server's account.
"""

from typing import Literal

Memory = Literal["data", "keys"]

# A statement's text, its parameters and the details of an error may hold personal data. `log_min_messages=log`
# keeps starts, crashes and failures of the server, and leaves out ERROR, whose very text quotes values ("invalid
# input syntax for type uuid: …").
SILENT = {
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_duration": "off",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "log_lock_waits": "off",
    "log_temp_files": "-1",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
}

COMMON = {
    "listen_addresses": "",
    "port": "5432",  # only names the socket file
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # no more processes, and no large /dev/shm in a container
    "max_logical_replication_workers": "0",
    "checkpoint_warning": "0",
    "idle_in_transaction_session_timeout": "5min",
    "lc_messages": "C",
}

BY_MEMORY: dict[Memory, dict[str, str]] = {
    "data": {
        "shared_buffers": "64MB",
        "max_connections": "60",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "wal_level": "replica",
        "wal_compression": "on",
        "min_wal_size": "80MB",
        "max_wal_size": "512MB",
        "max_wal_senders": "3",
        "max_replication_slots": "3",
        "autovacuum_max_workers": "2",
        "max_worker_processes": "4",
    },
    "keys": {
        "shared_buffers": "3MB",
        "max_connections": "20",
        "work_mem": "1MB",
        "maintenance_work_mem": "4MB",
        "wal_level": "minimal",
        "wal_buffers": "256kB",
        "min_wal_size": "2MB",
        "max_wal_size": "16MB",
        "max_wal_senders": "0",
        "max_replication_slots": "0",
        "autovacuum_max_workers": "1",
        "autovacuum_naptime": "5min",
        "max_worker_processes": "1",
    },
}


def server_settings(memory: Memory, major: int) -> dict[str, str]:
    """The settings of a server of that size under that major version, as parameter names and values."""
    settings = SILENT | COMMON | BY_MEMORY[memory]
    if major >= 17:
        settings |= {"summarize_wal": "off"}
    if major >= 18:
        settings |= {"io_method": "sync", "autovacuum_worker_slots": settings["autovacuum_max_workers"]}
    return settings


def initdb_options(memory: Memory, major: int) -> list[str]:
    """Options of `initdb`: passwords for everyone, checksums, UTF-8, and an order of text that no C library changes."""
    options = ["--no-instructions", "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8"]
    if major >= 17:
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        options += ["--locale=C.UTF-8"]
    if memory == "keys":
        options += [
            "--wal-segsize=1"
        ]  # MB: little log, and the bytes of a destroyed key are overwritten sooner
    return options
