"""`local/lexical`: a vector for a text from its words and parts of words, without a model and without leaving this installation.

Texts that share words lie close together; texts that mean the same in other words do not. It is feature hashing (Weinberger and
others, 2009) over words and their trigrams, each weighted by the square root of how often it stands there.
"""

import base64
import math
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

DIMENSIONS = 512
PART = 3
"""Letters of a part of a word."""


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A vector of length 1, all zeros for a text without a letter. The same text always has the same one."""
    found = [0.0] * dimensions
    for feature, times in Counter(_features(text)).items():
        drawn = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
        found[(drawn >> 1) % dimensions] += math.sqrt(times) if drawn & 1 else -math.sqrt(times)
    length = math.sqrt(sum(each * each for each in found))
    return [each / length for each in found] if length else found


def embedded(vector: list[float], index: int, *, packed: bool) -> dict[str, Any]:
    """An `embedding`; packed as base64 of little-endian 32-bit floats, as OpenAI's clients ask for it."""
    said: Any = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if packed else vector
    return {"object": "embedding", "index": index, "embedding": said}


def _features(text: str) -> Iterator[str]:
    letters = unicodedata.normalize("NFKC", text).casefold()
    # Vowel signs of Indian scripts are marks: they belong to the word.
    words = "".join(each if unicodedata.category(each)[0] in "LMN" else " " for each in letters).split()
    for word in words:
        yield word
        framed = f"<{word}>"
        if len(framed) > PART:
            yield from (framed[n : n + PART] for n in range(len(framed) - PART + 1))
