"""Every operation of the model API: where it is asked, with what, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from callmissed.gateway.audio.requests import MAY_TRAVEL, RecordingFields, SpeechBody
from callmissed.gateway.batches.service import BatchBody
from callmissed.gateway.description.answers import TEXT, WHOLE, Schema
from callmissed.gateway.images.requests import ImageBody
from callmissed.gateway.messages.shapes import Conversation, MessagesBody
from callmissed.gateway.prompts import PromptBody
from callmissed.gateway.requests import ChatBody, TokenBody
from callmissed.gateway.responses.reading import ResponseBody
from callmissed.gateway.searching.requests import SearchBody
from callmissed.gateway.wishes import WishesBody
from callmissed.gateway.works import EmbeddingBody, ModerationBody

EVENTS = "text/event-stream"
BYTES = "application/octet-stream"
BINARY: Schema = {"type": "string", "format": "binary"}
SOUNDS = ("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm")
TEXTS = ("text/plain", "text/vtt")
PICTURES = ("image/png", "image/jpeg", "image/webp")


@dataclass(frozen=True, slots=True)
class Operation:
    """One of them. `asks` are the declarations that read its document, `form` the fields of its form, `answers` names what comes
    back as JSON and `kinds` in which other media types it may come. `costs`: it is taken from the wallet.
    """

    method: str
    path: str
    summary: str
    answers: Sequence[str] = ()
    asks: Sequence[type[msgspec.Struct]] = ()
    form: Mapping[str, Any] | None = None
    kinds: Sequence[str] = ()
    query: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    costs: bool = False
    open: bool = False

    @property
    def anthropic(self) -> bool:
        """Whether it speaks Anthropic's language."""
        return self.path.startswith(("/anthropic/", "/v1/messages"))


def _recording(summary: str, path: str) -> Operation:
    listens: Schema = {
        "properties": {
            "file": BINARY,
            "timestamp_granularities[]": {"type": "array", "items": {"enum": ["segment", "word"]}},
            **dict.fromkeys(sorted(MAY_TRAVEL), TEXT),
        },
        "required": ["file", "model"],
    }
    return Operation("POST", path, summary, ["Transcript"], [RecordingFields], listens, TEXTS, costs=True)


def _messages(prefix: str) -> Sequence[Operation]:
    return (
        Operation(
            "POST",
            f"{prefix}/v1/messages",
            "An answer, in Anthropic's language",
            ["AnthropicMessage"],
            [MessagesBody, WishesBody],
            kinds=[EVENTS],
            costs=True,
        ),
        Operation(
            "POST",
            f"{prefix}/v1/messages/count_tokens",
            "How many tokens a request would read",
            ["AnthropicCount"],
            [Conversation],
        ),
    )


PAGES: Mapping[str, Schema] = {"limit": WHOLE, "after": TEXT}
NEW_FILE: Schema = {
    "type": "object",
    "properties": {"file": BINARY, "purpose": {"enum": ["batch"]}},
    "required": ["file", "purpose"],
}
OPERATIONS: Sequence[Operation] = (
    Operation(
        "POST",
        "/v1/chat/completions",
        "An answer of a model to a conversation",
        ["ChatCompletion"],
        [ChatBody, WishesBody],
        kinds=[EVENTS],
        costs=True,
    ),
    Operation(
        "POST",
        "/v1/responses",
        "An answer, as the Responses API says it",
        ["Response"],
        [ResponseBody, WishesBody],
        kinds=[EVENTS],
        costs=True,
    ),
    Operation(
        "POST",
        "/v1/completions",
        "What follows a prompt",
        ["TextCompletion"],
        [PromptBody, WishesBody],
        kinds=[EVENTS],
        costs=True,
    ),
    *_messages(""),
    *_messages("/anthropic"),
    Operation("POST", "/v1/embeddings", "Texts as vectors", ["Embeddings"], [EmbeddingBody], costs=True),
    Operation(
        "POST", "/v1/moderations", "Whether texts are harmful", ["Moderation"], [ModerationBody], costs=True
    ),
    Operation("POST", "/v1/audio/speech", "A text, spoken", (), [SpeechBody], kinds=SOUNDS, costs=True),
    _recording("A recording, written down", "/v1/audio/transcriptions"),
    _recording("A recording, written down in English", "/v1/audio/translations"),
    Operation("POST", "/v1/images/generations", "Pictures from words", ["Pictures"], [ImageBody], costs=True),
    Operation(
        "GET",
        "/v1/images/history",
        "Pictures that are kept",
        ["PictureList"],
        query={"limit": WHOLE, "before": TEXT},
    ),
    Operation("GET", "/v1/images/{picture_id}", "One of them", ["Picture"]),
    Operation("DELETE", "/v1/images/{picture_id}", "Erase it", ["Deleted"]),
    Operation(
        "GET",
        "/v1/images/{picture_id}/content",
        "It, for whoever has its link",
        kinds=PICTURES,
        query={"signed": TEXT},
        open=True,
    ),
    Operation(
        "POST", "/v1/search", "A search of the web or of your knowledge", ["Search"], [SearchBody], costs=True
    ),
    Operation("GET", "/v1/models", "The models that this key can use now", ["Models", "AnthropicModels"]),
    Operation("GET", "/v1/models/{model_id}", "One of them", ["Model", "AnthropicModel"]),
    Operation("GET", "/anthropic/v1/models", "The same, in Anthropic's language", ["AnthropicModels"]),
    Operation("GET", "/anthropic/v1/models/{model_id}", "One of them", ["AnthropicModel"]),
    Operation(
        "GET", "/v1/generation", "What a request was and what it cost", ["Generation"], query={"id": TEXT}
    ),
    Operation(
        "POST",
        "/v1/quote",
        "What a request would cost, before it is asked",
        ["Quote"],
        [ChatBody, WishesBody],
    ),
    Operation("POST", "/v1/tokens", "A token for a browser, for seconds", ["Token"], [TokenBody]),
    Operation("POST", "/v1/files", "Upload the requests of a batch", ["File"], form=NEW_FILE),
    Operation(
        "GET",
        "/v1/files",
        "The files",
        ["FileList"],
        query={**PAGES, "order": {"enum": ["asc", "desc"]}, "purpose": {"enum": ["batch", "batch_output"]}},
    ),
    Operation("GET", "/v1/files/{file_id}", "One of them", ["File"]),
    Operation("DELETE", "/v1/files/{file_id}", "Erase it", ["Deleted"]),
    Operation("GET", "/v1/files/{file_id}/content", "What is in it", kinds=[BYTES]),
    Operation("POST", "/v1/batches", "Begin a batch", ["Batch"], [BatchBody]),
    Operation("GET", "/v1/batches", "The batches", ["BatchList"], query=PAGES),
    Operation("GET", "/v1/batches/{batch_id}", "One of them", ["Batch"]),
    Operation("POST", "/v1/batches/{batch_id}/cancel", "Stop it", ["Batch"]),
)
"""All of them. A test holds them against what the surface answers."""
