"""What callers call files and batches: a word, and the id of the row."""

from uuid import UUID

FILE, BATCH = "file-", "batch_"


def file_name(file_id: UUID) -> str:
    """What callers call a file."""
    return f"{FILE}{file_id.hex}"


def batch_name(batch_id: UUID) -> str:
    """What callers call a batch."""
    return f"{BATCH}{batch_id.hex}"


def id_of(prefix: str, named: str) -> UUID | None:
    """The id of a row that is named to callers with this prefix; None where it cannot be one."""
    if not named.startswith(prefix):
        return None
    try:
        return UUID(hex=named.removeprefix(prefix))
    except ValueError:
        return None
