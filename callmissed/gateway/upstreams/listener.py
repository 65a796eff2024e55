"""The process that hears: reads what is expected (a line of JSON) and a WAV from its input, and writes the words as JSON.

It stands alone, so that neither the recogniser nor its memory is ever part of the server. Its settings are those that were measured
to help: a little noise under digital silence, the whole recording at once, and a language model of the words that are expected.
"""

import array
import hashlib
import importlib
import io
import json
import re
import resource
import sys
import tempfile
import warnings
import wave
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    # Gone from Python 3.13 on, and then the package audioop-lts brings it back.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

# Neither has types.
sphinx: Any = importlib.import_module("pocketsphinx")
lm: Any = importlib.import_module("pocketsphinx.lm")

RATE = 16_000
NOISE = 58
"""The largest sample of the noise: about -55 dBFS. Without any, silence spoils the mean that is subtracted from every frame."""
LONGEST_SECONDS = 300
PROCESSOR_SECONDS = 120
MEMORY = 2_000_000_000
FRAMES_A_SECOND = 100


def samples_of(sound: bytes) -> bytes:
    """16-bit samples, one channel, 16,000 a second. Raises ValueError, in words for the caller, for what it cannot read."""
    try:
        with wave.open(io.BytesIO(sound)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(min(file.getnframes(), LONGEST_SECONDS * rate))
    except (wave.Error, EOFError):
        raise ValueError("Send a WAV with PCM samples of 8, 16, 24 or 32 bits.") from None
    if channels > 2:
        raise ValueError("Send one channel, or two.")
    frames = frames[: len(frames) - len(frames) % (width * channels)]
    if width == 1:
        frames = audioop.bias(frames, 1, 128)  # 8-bit WAV counts from 0
    if width != 2:
        frames = audioop.lin2lin(frames, width, 2)
    if channels == 2:
        frames = audioop.tomono(frames, 2, 0.5, 0.5)
    if rate != RATE:
        frames, _ = audioop.ratecv(frames, 2, 1, rate, RATE, None)
    return with_noise(frames)


def with_noise(frames: bytes) -> bytes:
    """The same with a little noise, always the same, before, under and after it."""
    drawn = hashlib.shake_128(b"noise").digest(RATE)
    noise = array.array("h", [each % (2 * NOISE + 1) - NOISE for each in drawn]).tobytes()
    around = noise[: RATE // 2]
    under = (noise * (len(frames) // len(noise) + 1))[: len(frames)]
    return around + audioop.add(frames, under, 2) + around


def decoder_for(prompt: str) -> Any:
    """A recogniser of English; with a prompt, one that knows the words of its sentences only."""
    usual = sphinx.Decoder(loglevel="FATAL")
    said: dict[str, str] = {}
    sentences: list[str] = []
    for line in re.split(r"[.?!\n]+", prompt):
        words = [each for each in map(spelled, line.split()) if each and usual.lookup_word(each)]
        sentences.append(" ".join(words))
        said |= {each: usual.lookup_word(each) for each in words}
    if not said:
        return usual
    model = lm.ArpaBoLM(text="\n".join(each for each in sentences if each), add_start=True)
    model.compute()
    with tempfile.TemporaryDirectory() as folder:
        expected, dictionary = Path(folder, "expected.arpa"), Path(folder, "expected.dict")
        model.write_file(str(expected))
        # A dictionary of these words alone: with all 130,000, loading the model takes ten seconds.
        dictionary.write_text(
            "".join(f"{each} {sounds}\n" for each, sounds in said.items()), encoding="utf-8"
        )
        return sphinx.Decoder(lm=str(expected), dict=str(dictionary), loglevel="FATAL")


def spelled(word: str) -> str:
    """A word as the dictionary writes it."""
    return "".join(each for each in word.lower() if each.isalpha() or each == "'")


def main() -> None:
    """Hear one recording."""
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        samples = samples_of(sys.stdin.buffer.read())
    except ValueError as reason:
        json.dump({"refused": str(reason)}, sys.stdout)
        return
    decoder = decoder_for(str(asked["prompt"]))
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    found = [each for each in decoder.seg() or () if not each.word.startswith(("<", "["))]
    words = [
        {
            "word": each.word.partition("(")[0],
            # Half a second of noise was put before it.
            "start": max(0.0, round(each.start_frame / FRAMES_A_SECOND - 0.25, 2)),
            "end": max(0.0, round(each.end_frame / FRAMES_A_SECOND - 0.25, 2)),
        }
        for each in found
    ]
    json.dump({"text": " ".join(str(each["word"]) for each in words), "words": words}, sys.stdout)


if __name__ == "__main__":
    main()
