"""What the model API answers, as JSON schemas: the members that are always there. Answers may have more of them."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
YES_OR_NO: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
RUPEES: Schema = {
    "type": "string",
    "pattern": "^-?[0-9]+([.][0-9]+)?$",
    "description": "Rupees, as a decimal number.",
}


def ref(name: str) -> Schema:
    """A schema that stands by this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def either(*names: str) -> Schema:
    """One of the schemas of these names."""
    return ref(names[0]) if len(names) == 1 else {"anyOf": [ref(each) for each in names]}


def members(**given: Schema) -> Schema:
    """An object that has all of these, and perhaps more."""
    return {"type": "object", "properties": given, "required": sorted(given)}


def array(of: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": of}


def is_(value: str) -> Schema:
    """This very text."""
    return {"const": value}


def maybe(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(of: str) -> Schema:
    """A page of a list."""
    return members(object=is_("list"), data=array(ref(of)), has_more=YES_OR_NO)


ANSWERS: dict[str, Schema] = {
    "Error": members(
        error=members(message=TEXT, type=TEXT, param=maybe(TEXT), code=TEXT),
    ),
    "AnthropicError": members(
        type=is_("error"),
        error=members(type=TEXT, message=TEXT, code=TEXT),
        request_id=maybe(TEXT),
    ),
    "Usage": members(prompt_tokens=WHOLE, completion_tokens=WHOLE, total_tokens=WHOLE),
    "Choice": members(index=WHOLE, message=OBJECT, finish_reason=maybe(TEXT)),
    "ChatCompletion": members(
        id=TEXT, object=is_("chat.completion"), created=WHOLE, model=TEXT, choices=array(ref("Choice")), usage=ref("Usage"),
    ),
    "TextCompletion": members(
        id=TEXT,
        object=is_("text_completion"),
        created=WHOLE,
        model=TEXT,
        choices=array(members(index=WHOLE, text=TEXT, finish_reason=maybe(TEXT))),
        usage=ref("Usage"),
    ),
    "Response": members(
        id=TEXT,
        object=is_("response"),
        created_at=WHOLE,
        status={"enum": ["completed", "incomplete"]},
        model=TEXT,
        output=array(members(type=TEXT)),
        usage=members(input_tokens=WHOLE, output_tokens=WHOLE, total_tokens=WHOLE),
    ),
    "AnthropicMessage": members(
        id=TEXT,
        type=is_("message"),
        role=is_("assistant"),
        model=TEXT,
        content=array(members(type=TEXT)),
        stop_reason=maybe(TEXT),
        usage=members(input_tokens=WHOLE, output_tokens=WHOLE),
    ),
    "AnthropicCount": members(input_tokens=WHOLE),
    "Embeddings": members(
        object=is_("list"),
        data=array(OBJECT),
        model=TEXT,
        usage=members(prompt_tokens=WHOLE, total_tokens=WHOLE),
    ),
    "Moderation": members(id=TEXT, model=TEXT, results=array(OBJECT)),
    "Model": members(
        id=TEXT, object=is_("model"), created=WHOLE, owned_by=TEXT, name=TEXT, kind=TEXT, context_window=WHOLE,
        max_output_tokens=WHOLE, abilities=array(TEXT), pricing=OBJECT, own_key=YES_OR_NO, region=TEXT, regions=array(TEXT),
        upstreams=array(members(name=TEXT, region=TEXT)), trains_on_content=YES_OR_NO, deprecated_on=maybe(TEXT),
        ends_on=maybe(TEXT), successor=maybe(TEXT),
    ),
    "Models": members(object=is_("list"), catalogue_version=TEXT, data=array(ref("Model"))),
    "AnthropicModel": members(type=is_("model"), id=TEXT, display_name=TEXT, created_at=TEXT),
    "AnthropicModels": members(data=array(ref("AnthropicModel")), has_more=YES_OR_NO),
    "Quote": members(object=is_("quote"), catalogue_version=TEXT, currency=is_("INR"), held=RUPEES, models=array(OBJECT)),
    "Generation": members(
        data=members(id=TEXT, created_at=TEXT, endpoint=TEXT, model=TEXT, status=TEXT, currency=is_("INR"), total_cost=RUPEES),
    ),
    "Token": members(object=is_("token"), token=TEXT, expires_at=WHOLE, scopes=array(TEXT), origin=maybe(TEXT)),
    "Search": members(
        id=TEXT,
        object=is_("search"),
        provider=TEXT,
        query=TEXT,
        results=array(members(position=WHOLE, title=TEXT, url=TEXT)),
        currency=is_("INR"),
        credits_used=RUPEES,
        balance=RUPEES,
    ),
    "Pictures": members(created=WHOLE, data=array(members(b64_json=TEXT))),
    "Picture": members(
        id=TEXT, object=is_("image"), created=WHOLE, expires_at=WHOLE, model=TEXT, prompt=TEXT, content_type=TEXT, bytes=WHOLE,
        url=TEXT,
    ),
    "PictureList": listed("Picture"),
    "Transcript": members(text=TEXT, usage=members(type=is_("duration"), seconds=NUMBER)),
    "File": members(
        id=TEXT, object=is_("file"), bytes=WHOLE, created_at=WHOLE, expires_at=WHOLE, filename=TEXT, purpose=TEXT,
    ),
    "FileList": listed("File"),
    "Batch": members(
        id=TEXT, object=is_("batch"), endpoint=TEXT, input_file_id=TEXT, status=TEXT, created_at=WHOLE, expires_at=WHOLE,
        request_counts=members(total=WHOLE, completed=WHOLE, failed=WHOLE),
    ),
    "BatchList": listed("Batch"),
    "Deleted": members(id=TEXT, object=TEXT, deleted={"const": True}),
}  # fmt: skip
"""Every answer by its name. The running API is held against them by Schemathesis."""
