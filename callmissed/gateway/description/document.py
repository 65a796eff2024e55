"""The OpenAPI document of the model API."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from callmissed.gateway.description.answers import ANSWERS, RUPEES, TEXT, Schema, either, ref
from callmissed.gateway.description.operations import BINARY, OPERATIONS, Operation

ADDRESS = "/v1/openapi.json"
TEMPLATE = "#/components/schemas/{name}"
ABOUT = """\
Every model behind one key and one wallet in rupees. OpenAI's clients work with `/v1` as their base URL, Anthropic's with `/anthropic`.
Members that stand nowhere here travel on to the model's supplier untouched, where it takes them; what cannot be done is refused before
it costs. Every answer says in its headers which model answered, who ran it, where, and what was taken from the wallet. A POST under an
`Idempotency-Key` is answered once in 24 hours. What can go wrong, by its code: `/docs/problems`."""
SAYS: Mapping[str, tuple[str, Schema]] = {
    "cm-model": ("The model that answered.", TEXT),
    "cm-upstream": ("Who ran it.", TEXT),
    "cm-processed-in": ("Where.", TEXT),
    "cm-usage-id": ("Its usage record: GET /v1/generation?id=…", TEXT),
    "cm-cost-inr": ("What was taken from the wallet.", RUPEES),
    "cm-fallback-for": ("The model that was asked for, where another of those the caller allows has answered.", TEXT),
}  # fmt: skip
LIMITS: Mapping[str, tuple[str, Schema]] = {
    "Retry-After": ("Seconds to wait, where waiting helps.", {"type": "integer"}),
    "RateLimit": ("What is left of each window.", TEXT),
    "RateLimit-Policy": ("The windows.", TEXT),
}


@cache
def describe() -> bytes:
    """The document, as JSON (OpenAPI 3.1.0). It holds nothing of anybody."""
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "CallMissed model API", "version": "1", "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": {**_asked(), **ANSWERS},
            "headers": {
                name: {"description": about, "schema": schema}
                for name, (about, schema) in {**LIMITS, **SAYS}.items()
            },
            "responses": {name: _refused(*shapes) for name, shapes in REFUSALS.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{"bearer": []}, {"x-api-key": []}],
    }
    return msgspec.json.encode(document)


def _asked(*, forms: bool = False) -> dict[str, Any]:
    """What is asked, from the declarations that read it: documents, or forms."""
    declared = dict.fromkeys(
        struct for each in OPERATIONS if (each.form is not None) == forms for struct in each.asks
    )
    _, found = msgspec.json.schema_components(list(declared), ref_template=TEMPLATE)
    # What ends a text in Python's patterns is none of ECMA 262's, which OpenAPI takes.
    return msgspec.json.decode(msgspec.json.encode(found).replace(rb"\\Z", b"$"))


def _operation(of: Operation) -> dict[str, Any]:
    refusal = {"$ref": f"#/components/responses/{_refusal(of)}"}
    said: dict[str, Any] = {
        "summary": of.summary,
        "operationId": re.sub(r"\W+", "_", f"{of.method.lower()}{of.path}").strip("_"),
        "tags": [of.path.split("/v1/")[1].split("/")[0]],
        "parameters": list(_parameters(of)),
        "responses": {"200": _answer(of), "4XX": refusal, "5XX": refusal},
    }
    if of.form is not None:
        said["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _form(of)}}}
    elif of.asks:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(of)}}}
    if of.open:
        said["security"] = []
    return said


def _parameters(of: Operation) -> list[dict[str, Any]]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in re.findall(r"\{(\w+)\}", of.path)
    ]
    asked = [{"name": name, "in": "query", "schema": schema} for name, schema in of.query.items()]
    once = {"name": "Idempotency-Key", "in": "header", "schema": {**TEXT, "maxLength": 200}}
    return [*named, *asked, *([once] if of.costs else [])]


def _body(of: Operation) -> Schema:
    parts = [ref(each.__name__) for each in of.asks]
    return parts[0] if len(parts) == 1 else {"allOf": parts}


def _form(of: Operation) -> Schema:
    """The fields of a form: those of its declarations, which come as text, and its own."""
    declared = _asked(forms=True)
    known = {
        name: schema for each in of.asks for name, schema in declared[each.__name__]["properties"].items()
    }
    known.pop("granularities", None)  # comes as timestamp_granularities[]
    own = of.form or {}
    return {"type": "object", **own, "properties": {**known, **own.get("properties", {})}}


def _answer(of: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {
        each: {"schema": TEXT if each.startswith("text/") else BINARY} for each in of.kinds
    }
    if of.answers:
        content["application/json"] = {"schema": either(*of.answers)}
    headers = [*LIMITS, *(SAYS if of.costs else ())]
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": of.summary, "content": content, "headers": told}


def _refusal(of: Operation) -> str:
    if "/v1/models" in of.path and not of.anthropic:  # by the header anthropic-version
        return "RefusedInEither"
    return "RefusedInAnthropics" if of.anthropic else "Refused"


REFUSALS = {
    "Refused": ["Error"],
    "RefusedInAnthropics": ["AnthropicError"],
    "RefusedInEither": ["Error", "AnthropicError"],
}


def _refused(*shapes: str) -> dict[str, Any]:
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in LIMITS}
    content = {"application/json": {"schema": either(*shapes)}}
    return {"description": "Refused; `code` says why.", "content": content, "headers": told}
