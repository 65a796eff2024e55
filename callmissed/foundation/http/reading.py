"""What is asked of every request before its route sees it: the kind of content it takes, and text that can be kept."""

import json
from collections.abc import Iterable
from typing import Any, Literal, cast

from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.requests import Request

from callmissed.foundation.problems import ContentKindUnknown, Malformed, TextUnusable

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

ContentKind = Literal["form", "json"]


async def readable_address(request: Request) -> None:
    """Asked before anybody looks up what stands in the address. Raises TextUnusable."""
    _keepable([*request.path_params.values(), *(value for _, value in request.query_params.multi_items())])


class ReadableContent:
    """Asked once the caller is known to be allowed. What the route takes is learned when it is registered; None: nothing."""

    def __init__(self) -> None:
        self.takes: ContentKind | None = None

    def learn(self, route: APIRoute) -> None:
        """See what the route declares."""
        if route.body_field is not None:
            self.takes = "form" if isinstance(route.body_field.field_info, Form) else "json"

    async def __call__(self, request: Request) -> None:
        """Raises ContentKindUnknown, Malformed and TextUnusable."""
        _keepable(
            [*request.path_params.values(), *(value for _, value in request.query_params.multi_items())]
        )
        if self.takes == "form":
            _keepable((await _form(request)).values())
        elif self.takes == "json":
            _keepable([await _json(request)])


async def _form(request: Request) -> dict[str, Any]:
    kind = _kind(request)
    if kind not in FORMS and await request.body():
        raise ContentKindUnknown(content_types=list(FORMS))
    found = await request.form()
    return {f"{place} {name}": value for place, (name, value) in enumerate(found.multi_items())}


async def _json(request: Request) -> Any:
    body = await request.body()
    if not body:
        return None
    kind = _kind(request)
    if kind != "application/json" and not kind.endswith("+json"):
        raise ContentKindUnknown(content_types=["application/json"])
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed from None


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _keepable(values: Iterable[Any]) -> None:
    """Refuse a NUL, which PostgreSQL cannot keep in a text, and half of a surrogate pair, which is no Unicode text.

    Walks without recursion: how deep a document goes is for its sender to choose. Raises TextUnusable.
    """
    waiting: list[Any] = list(values)
    while waiting:
        each = waiting.pop()
        if isinstance(each, str) and any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in each):
            raise TextUnusable
        if isinstance(each, dict):
            inner = cast("dict[str, Any]", each)
            waiting += [*inner.keys(), *inner.values()]
        elif isinstance(each, list):
            waiting += cast("list[Any]", each)
