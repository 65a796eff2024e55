"""Made-up requests of Schemathesis to every operation that a description names, each answer held against it."""

import time
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8
BOUND_SECONDS = 55


def explore(base: str, document: dict[str, Any], secret: str) -> dict[str, int]:
    """Send made-up requests to every operation; how many went where. Raises at the first answer that is not described."""
    sent: dict[str, int] = {}
    until = time.monotonic() + BOUND_SECONDS
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        sent[operation.label] = explore_one(operation, base, secret, until)
    return sent


def explore_one(operation: Any, base: str, secret: str, until: float) -> int:
    """The same for one operation."""
    sent = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal sent
        if time.monotonic() > until:
            return
        reply = case.call(base_url=base, headers={"Authorization": f"Bearer {secret}"}, timeout=20)
        sent += 1
        case.validate_response(reply, checks=CHECKS)

    ask()
    return sent
