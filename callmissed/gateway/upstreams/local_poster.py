"""A maker of pictures that needs nothing from outside: it sets the words of the prompt on a card. A process of its own does it.

It draws nothing: it is for demonstrations, and says so on each picture.
"""

import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from callmissed.foundation import pages
from callmissed.gateway.problems import PromptUnfit, RequestInvalid, Unsupported, UpstreamBroken
from callmissed.gateway.upstreams.gate import Gate, Limits
from callmissed.gateway.upstreams.programs import run
from callmissed.gateway.upstreams.protocol import Work, Worked

POSTER = Path(__file__).with_name("poster.py")
FONTS = Path(pages.__file__).parent / "static" / "vendor"
MOST_PIXELS = 2_048 * 2_048
"""Of one picture: what takes a processor a second."""
MOST_BYTES = 64_000_000
USUAL = 1_024
AT_ONCE = Limits(concurrency=2, queue=32, breaker=None)
TAKES = frozenset({"prompt", "n", "size", "seed", "output_format", "quality", "user"})


class _Wished(msgspec.Struct):
    prompt: str
    n: int = 1
    size: str = "auto"
    seed: int | None = None
    output_format: Literal["png", "jpeg", "webp"] = "png"
    quality: Literal["auto", "standard"] = "auto"
    user: Annotated[str, msgspec.Meta(max_length=1_000)] = ""


class _Made(msgspec.Struct):
    pictures: Sequence[str] = ()
    refused: str = ""


class LocalPoster:
    """Sets posters."""

    def __init__(self) -> None:
        self._gate = Gate(AT_ONCE)

    async def draw(self, work: Work) -> Worked:
        """Pictures with the words of the prompt. Raises Unsupported for what it does not know, RequestInvalid for a size it does not
        make, and PromptUnfit for words that it cannot set.
        """
        wished = _read(work.extra)
        width, height = _sides(wished.size)
        # Its numbers are bounded there where it draws them.
        seed = wished.seed if wished.seed is not None else secrets.randbits(32)
        asked = {
            "words": wished.prompt, "width": width, "height": height, "n": wished.n, "seed": seed, "format": wished.output_format,
        }  # fmt: skip
        command = [sys.executable, "-I", str(POSTER), str(FONTS)]
        told = await run(self._gate, command, msgspec.json.encode(asked), MOST_BYTES)
        if len(told) > MOST_BYTES:
            raise UpstreamBroken
        made = msgspec.json.decode(told, type=_Made)
        if made.refused:
            raise PromptUnfit(made.refused, param="prompt")
        return Worked(msgspec.json.encode({"data": [{"b64_json": each} for each in made.pictures]}))


def _read(members: Mapping[str, msgspec.Raw]) -> _Wished:
    """What is wished. Raises Unsupported, and names what it does not take."""
    for name in members:
        if name not in TAKES:
            raise Unsupported(param=name)
    try:
        return msgspec.json.decode(msgspec.json.encode(members), type=_Wished)
    except msgspec.ValidationError as failure:
        raise Unsupported(param=str(failure).partition("`$.")[2].rstrip("`") or None) from None


def _sides(size: str) -> tuple[int, int]:
    """Width and height. Raises RequestInvalid for more than it makes."""
    if size == "auto":
        return USUAL, USUAL
    width, height = (int(each) for each in size.split("x"))
    if width * height > MOST_PIXELS:
        raise RequestInvalid(
            "This model makes pictures of up to 4,194,304 pixels, as 2048x2048 has.", param="size"
        )
    return width, height
