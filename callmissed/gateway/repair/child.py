"""The child that repairs JSON. Run by path as `python -I child.py`: a question on stdin, the answer on stdout, both JSON.

It imports nothing of the product, holds no secret and no connection, and lowers its own limits before it looks at a byte. The question
is {"texts": [...], "schema": …} (null: any object will do); the answer is a list with the repaired text for each, or null.
"""

import json
import os
import resource
import sys
from typing import Any

from json_repair import loads
from jsonschema_rs import validator_for

MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 2


def limit() -> None:
    """Lower this process's limits: memory, CPU time, no files written; and its place among others that want the processor."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def refuse(address: str) -> Any:
    """Nothing is fetched: a schema names other documents in vain."""
    raise ValueError(address)


def repaired(text: str, schema: Any) -> str | None:
    """The text as JSON, or None where nothing sensible comes of it or the schema is not met."""
    try:
        found = loads(text)
        if not found or not isinstance(found, dict if schema is None else dict | list):
            return None
        if schema is not None and not validator_for(schema, retriever=refuse).is_valid(found):
            return None
        return json.dumps(found, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError, MemoryError, TypeError):
        return None


if __name__ == "__main__":
    limit()
    asked = json.loads(sys.stdin.buffer.read())
    sys.stdout.write(json.dumps([repaired(each, asked["schema"]) for each in asked["texts"]]))
