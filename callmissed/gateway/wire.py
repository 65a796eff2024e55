"""OpenAI's shapes on the wire: completions, chunks of a stream, models. Field names are theirs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from callmissed.billing import LOTS, Used
from callmissed.foundation.http import openai_document
from callmissed.foundation.money import RUPEE
from callmissed.foundation.problems import Problem
from callmissed.gateway.catalogue import Model
from callmissed.gateway.choices import every_choice
from callmissed.gateway.completions import NO_MEMBERS, Call, Completion
from callmissed.gateway.register import Listing
from callmissed.gateway.upstreams import Piece

DONE = b"data: [DONE]\n\n"
LOT_NAMES = {"second": "hour", "character": "10,000 characters", "image": "picture", "search": "search"}
"""What the price of a model is for that is not sold by the token."""


def usage(tokens_in: int, tokens_out: int) -> dict[str, int]:
    """Token counts as OpenAI names them."""
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }


def completion(done: Completion, created: int) -> bytes:
    """A `chat.completion`."""
    return msgspec.json.encode(
        {
            "id": f"chatcmpl-{done.usage_id}",
            "object": "chat.completion",
            "created": created,
            "model": done.model,
            "choices": msgspec.Raw(done.choices),
            "usage": usage(done.tokens_in, done.tokens_out),
            **done.members,
        }
    )


class ChunkEvents:
    """The events of one streamed completion, as bytes for the wire."""

    def __init__(self, call: Call, created: int, *, with_usage: bool) -> None:
        self.call = call
        self.created = created
        self.with_usage = with_usage

    def begin(self) -> bytes:
        """Nothing stands before the first chunk."""
        return b""

    def piece(self, piece: Piece) -> bytes:
        """The chunk of a piece; a piece that only brings counts has none."""
        if not piece.choices:
            return b""
        members = self.members(piece)
        said = piece.choices
        if members and self.call.looked:
            said = self.call.looked.annotated(said, self.call.text)
        return self.chunk(msgspec.Raw(said), members=members)

    def members(self, piece: Piece) -> Mapping[str, Any]:
        """What the chunk of a piece says besides: that of the end of a choice, what the answer rests on."""
        call = self.call
        if call.grounded is None and call.looked is None:
            return NO_MEMBERS
        if not any(each.finish_reason for each in every_choice(piece.choices)):
            return NO_MEMBERS
        return call.members()

    def end(self) -> bytes:
        """The usage, where it was asked for, and the mark of the end."""
        return self.chunk([], last=True) + DONE if self.with_usage else DONE

    def problem(self, problem: Problem) -> bytes:
        """What went wrong under way: the clients of OpenAI read errors from the stream."""
        return event(openai_document(problem))

    def chunk(self, choices: object, *, last: bool = False, members: Mapping[str, Any] = NO_MEMBERS) -> bytes:
        """One event, with further members. With usage asked for, every chunk carries `usage`: null until the last, which has no choices."""
        document = {**self.head(), "choices": choices, **members}
        if self.with_usage:
            document["usage"] = usage(*self.call.counted[:2]) if last else None
        return event(document)

    def head(self) -> dict[str, Any]:
        """What every chunk begins with."""
        return {
            "id": f"chatcmpl-{self.call.id}",
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.call.route.model.id,
        }


def event(document: Any) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def named_event(name: str, members: dict[str, Any]) -> bytes:
    """A server-sent event with a name, which its data repeats as `type`."""
    body = msgspec.json.encode({"type": name, **members})
    return b"event: " + name.encode() + b"\ndata: " + body + b"\n\n"


def rupees_of(micro: int) -> str:
    """Micro-rupees as a decimal number of rupees, without grouping: "0.0125"."""
    return f"{(Decimal(micro) / RUPEE).normalize():f}"


def pricing(known: Model) -> dict[str, Any]:
    """Prices in rupees: for 10 lakh tokens, and for one ("prompt" and "completion", as OpenRouter's clients read them); for a lot
    of its unit where it is sold by something else.
    """
    if known.unit != "token":
        return {"currency": "INR", "unit": LOT_NAMES[known.unit], "input": known.price_in / RUPEE}
    return {
        "currency": "INR", "unit": "10 lakh tokens", "input": known.price_in / RUPEE, "output": known.price_out / RUPEE,
        "prompt": _per_token(known.price_in), "completion": _per_token(known.price_out),
    }  # fmt: skip


def _per_token(price: int) -> str:
    return f"{(Decimal(price) / RUPEE / LOTS['token']).normalize():f}"


def model(listing: Listing) -> dict[str, Any]:
    """A `model`: what it can do, what it costs, who runs it and where, and until when. `region` is where it is asked first."""
    known, first = listing.model, listing.upstreams[0]
    return {
        "id": known.id,
        "object": "model",
        "created": known.since,
        "owned_by": first.name,
        "name": known.name,
        "kind": known.kind,
        "context_window": known.context,
        "context_length": known.context,
        "max_output_tokens": known.longest_answer,
        "abilities": known.can,
        "pricing": pricing(known),
        "own_key": listing.own,
        "region": first.region,
        "regions": listing.regions,
        "upstreams": [
            {"name": each.name, "region": each.region, "place": each.place} for each in listing.upstreams
        ],
        "trains_on_content": first.trains_on_content,
        "deprecated_on": known.deprecated_on,
        "ends_on": known.ends_on,
        "successor": known.successor or None,
    }


def generation(row: Used) -> dict[str, Any]:
    """One usage record, with OpenRouter's names where they mean the same. Costs in rupees, times in milliseconds."""
    return {
        "id": row.id,
        "created_at": row.at,
        "endpoint": row.endpoint,
        "model": row.model,
        "provider_name": row.upstream,
        "region": row.region,
        "tried": row.tried.split() if row.tried else [],
        "streamed": row.streamed,
        "status": row.status,
        "cancelled": row.status == "cancelled",
        "http_status": row.http_status,
        "problem": row.problem,
        "tokens_prompt": row.tokens_in,
        "tokens_completion": row.tokens_out,
        "counted_by": row.counted_by,
        "unit": row.unit,
        "units": row.units,
        "currency": "INR",
        "total_cost": rupees_of(row.price_micro),
        "price_in": rupees_of(row.price_in_micro),
        "price_out": rupees_of(row.price_out_micro),
        "own_key": row.own_key,
        "first_token_ms": row.first_token_ms,
        "latency": row.latency_ms,
        "admit_us": row.admit_us,
        "reserve_us": row.reserve_us,
        "key_id": row.key_id,
        "bot_id": row.bot_id,
    }


def models(listed: Sequence[Listing], version: str) -> dict[str, Any]:
    """The list of models. `version` names what is offered, so that callers see when it changes."""
    return {"object": "list", "catalogue_version": version, "data": [model(each) for each in listed]}
