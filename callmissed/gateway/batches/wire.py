"""Files and batches as OpenAI's clients read them, and the lines of the files that a batch leaves."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from callmissed.foundation.http import openai_document
from callmissed.foundation.problems import Problem
from callmissed.gateway.batches.lines import told
from callmissed.gateway.batches.models import KEPT_DAYS, Batch, BatchLine, StoredFile
from callmissed.gateway.batches.names import batch_name, file_name


def file(row: StoredFile, name: str) -> dict[str, Any]:
    """A `file`."""
    return {
        "id": file_name(row.id),
        "object": "file",
        "bytes": row.size,
        "created_at": _seconds(row.created_at),
        "expires_at": _seconds(row.created_at + timedelta(days=KEPT_DAYS)),
        "filename": name,
        "purpose": row.purpose,
        "status": "processed",
    }


def batch(row: Batch, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """A `batch`."""
    ended = {row.state: _seconds(row.ended_at)}
    faults = told(row.faults, Problem.catalogue)
    return {
        "id": batch_name(row.id),
        "object": "batch",
        "endpoint": row.endpoint,
        "errors": {"object": "list", "data": faults} if faults else None,
        "input_file_id": file_name(row.input_file_id),
        "completion_window": "24h",
        "status": row.state,
        "output_file_id": _file_id(row.output_file_id),
        "error_file_id": _file_id(row.error_file_id),
        "created_at": _seconds(row.created_at),
        "in_progress_at": _seconds(row.begun_at),
        "expires_at": _seconds(row.expires_at),
        "finalizing_at": _seconds(row.finalizing_at),
        "completed_at": ended.get("completed"),
        "failed_at": ended.get("failed"),
        "expired_at": ended.get("expired"),
        "cancelling_at": _seconds(row.cancelling_at),
        "cancelled_at": ended.get("cancelled"),
        "request_counts": {"total": row.total, "completed": row.completed, "failed": row.failed},
        "metadata": labels,
    }


def page(data: Sequence[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A list of either."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": more,
    }


def refusal(problem: Problem) -> bytes:
    """The body of an answer that is a problem."""
    return msgspec.json.encode(openai_document(problem))


NEVER_ASKED = ("batch_expired", "batch_cancelled")


def left(line: BatchLine, custom_id: str, answer: bytes | None) -> bytes:
    """The line that a request leaves in the file of answers, or of failures."""
    problem = Problem.catalogue.get(line.problem or "", Problem)
    response, error = None, None
    if line.problem in NEVER_ASKED:
        error = {"code": line.problem, "message": problem.default_message()}
    else:
        response = {
            "status_code": line.status,
            "request_id": str(line.usage_id or ""),
            "body": msgspec.Raw(
                msgspec.json.format(answer or refusal(problem()), indent=-1)
            ),  # one line, whatever came
        }
    said = {"id": f"batch_req_{line.id.hex}", "custom_id": custom_id, "response": response, "error": error}
    return msgspec.json.encode(said) + b"\n"


def _file_id(file_id: UUID | None) -> str | None:
    return file_name(file_id) if file_id else None


def _seconds(at: datetime | None) -> int | None:
    return int(at.timestamp()) if at else None
