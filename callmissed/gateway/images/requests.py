"""What is asked of /v1/images/generations: words, and how many pictures of which size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec

from callmissed.gateway.catalogue import Kind, Model
from callmissed.gateway.estimates import Estimate, dearest
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.requests import MOST_FALLBACKS, ModelId, readable

LONGEST_PROMPT = 4_000
"""Characters that are read at all; what a model reads stands with it."""
MOST_PICTURES, MOST_STEPS = 4, 50
SHORTEST_SIDE, LONGEST_SIDE = 64, 4_096
AUTO = "auto"
Prompt = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_PROMPT, pattern=r"\S")]
Format = Literal["png", "jpeg", "webp"]


class ImageBody(msgspec.Struct):
    """The members of POST /v1/images/generations that we use or check (OpenAI's API reference); `negative_prompt`, `seed` and `steps`
    are those of the servers that make pictures from noise, `models` are the caller's fallbacks.
    """

    model: ModelId
    prompt: Prompt
    models: Annotated[list[ModelId], msgspec.Meta(max_length=MOST_FALLBACKS)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=MOST_PICTURES)] | None = None
    size: Annotated[str, msgspec.Meta(pattern=r"^(auto|[0-9]{2,4}x[0-9]{2,4})$")] | None = None
    response_format: str | None = None
    negative_prompt: Annotated[str, msgspec.Meta(max_length=LONGEST_PROMPT)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None
    steps: Annotated[int, msgspec.Meta(ge=1, le=MOST_STEPS)] | None = None
    quality: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[a-z_-]+$")] | None = None
    output_format: Format | None = None
    stream: bool | None = None


NOT_SENT = frozenset({"model", "models", "response_format", "stream"})
"""Members that we write ourselves where a request travels on, or that are meant for us alone."""
MAY_TRAVEL = frozenset(
    {
        "prompt", "n", "size", "negative_prompt", "seed", "steps", "quality", "output_format", "background", "cfg_scale", "guidance",
        "guidance_scale", "moderation", "output_compression", "sampler", "scheduler", "style", "user",
    }
)  # fmt: skip
"""Members that change what a picture is like, and neither how many there are nor where anything is fetched or sent."""

_checked = msgspec.json.Decoder(ImageBody)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """Pictures to be made. `extra` are the members that travel on, as they came."""

    model: str
    prompt: str
    extra: Mapping[str, msgspec.Raw]
    n: int = 1
    size: str = AUTO
    fallbacks: Sequence[str] = ()
    endpoint: str = "images.generations"
    kind: Kind = "image"
    stream: bool = False

    def at_most(self, models: Iterable[Model]) -> Estimate:
        """What all of them cost."""
        return dearest(Estimate(0, 0, max(1, each.price(self.n))) for each in models)

    def reading(self) -> int:
        """It is not sold by the token."""
        return 0

    def saying(self, extra: Mapping[str, msgspec.Raw]) -> "ImageRequest":
        """The same with other words: those of `extra`."""
        return replace(self, prompt=msgspec.json.decode(extra["prompt"], type=str), extra=extra)


def read_image_request(body: bytes) -> ImageRequest:
    """Read a body. Raises Malformed, RequestInvalid, and Unsupported for addresses in place of pictures, for pictures in events, and
    for members that nobody priced.
    """
    with readable():
        asked, members = _checked.decode(body), _members.decode(body)
    size = asked.size or AUTO
    if size != AUTO and not all(SHORTEST_SIDE <= int(side) <= LONGEST_SIDE for side in size.split("x")):
        raise RequestInvalid(f"Each side of size has {SHORTEST_SIDE} to {LONGEST_SIDE} pixels.", param="size")
    if asked.response_format not in (None, "b64_json"):
        raise Unsupported(
            "Pictures are answered as b64_json; nothing of them is put on the web.", param="response_format"
        )
    if asked.stream:
        raise Unsupported(param="stream")
    extra = {
        name: value for name, value in members.items() if name not in NOT_SENT and bytes(value) != b"null"
    }  # clients send null for what they leave to us
    for name in extra:
        if name not in MAY_TRAVEL:  # what nobody priced is not passed on
            raise Unsupported(param=name)
    return ImageRequest(asked.model, asked.prompt, extra, asked.n or 1, size, asked.models or ())
