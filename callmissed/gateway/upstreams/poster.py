"""The process that sets a poster: reads what is asked (JSON) from its input, and writes pictures (base64 in JSON).

It stands alone, so that neither the picture library nor its memory is ever part of the server. It draws nothing but letters and plain
shapes: the words of the prompt, shaped as their script asks (HarfBuzz through Raqm), on a card. Its one argument is the folder of fonts.
"""

import base64
import hashlib
import io
import json
import resource
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image, ImageColor, ImageDraw, ImageFont, features

PROCESSOR_SECONDS = 30
MEMORY = 1_500_000_000
MEASURED_AT = 100
"""Pixels: letters are measured once at this size, and grow in proportion."""
SMALLEST = 7
SIGNED = "a demonstration: words set, not drawn"
FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}

LATIN = ((0x20, 0xFF), (0x131, 0x131), (0x152, 0x153), (0x2BB, 0x2BC), (0x2C6, 0x2C6), (0x2DA, 0x2DA), (0x2DC, 0x2DC),
         (0x2010, 0x2027), (0x2030, 0x205E), (0x20AC, 0x20AC), (0x2122, 0x2122), (0x2212, 0x2212))  # fmt: skip
WIDER_LATIN = ((0x100, 0x2BA), (0x2BD, 0x2C5), (0x2C7, 0x2CC), (0x2CE, 0x2D7), (0x2DD, 0x2FF), (0x1E00, 0x1E9F), (0x1EF2, 0x1EFF),
               (0x20B9, 0x20B9))  # fmt: skip
JOINERS = ((0x200C, 0x200D), (0x25CC, 0x25CC))
DANDAS = (0x964, 0x965)
DEVANAGARI = ((0x900, 0x97F), (0x1CD0, 0x1CF9), (0xA8E0, 0xA8FF), (0x20B9, 0x20B9), *JOINERS)


def _noto(script: str, first: int, last: int) -> tuple[str, tuple[tuple[int, int], ...]]:
    file = f"noto-{script}/noto-sans-{script}-{script}-wght-normal.woff2"
    return file, ((first, last), DANDAS, (0x20B9, 0x20B9), *JOINERS)


OTHERS = (
    _noto("bengali", 0x980, 0x9FE), _noto("gurmukhi", 0xA01, 0xA76), _noto("gujarati", 0xA81, 0xAFF), _noto("oriya", 0xB01, 0xB77),
    _noto("tamil", 0xB82, 0xBFA), _noto("telugu", 0xC00, 0xC7F), _noto("kannada", 0xC80, 0xCF3), _noto("malayalam", 0xD00, 0xD7F),
)  # fmt: skip
SERIF = (
    ("source-serif/source-serif-4-latin-wght-normal.woff2", LATIN),
    ("source-serif/source-serif-4-latin-ext-wght-normal.woff2", WIDER_LATIN),
    ("tiro-devanagari/tiro-devanagari-hindi-devanagari-400-normal.woff2", DEVANAGARI),
    *OTHERS,
)
SANS = (
    ("inter/inter-latin-wght-normal.woff2", LATIN),
    ("inter/inter-latin-ext-wght-normal.woff2", WIDER_LATIN),
    ("noto-devanagari/noto-sans-devanagari-devanagari-wght-normal.woff2", DEVANAGARI),
    *OTHERS,
)
"""Files with the characters that each has letters for (the `unicode-range` of its package), in the order they are looked at."""
PLAIN = 2
"""So many of the first need no shaping."""

PALETTES = (
    ("#f6efe2", "#2b2118", "#c4572b", "#e8c89a"), ("#12312b", "#f3ead7", "#e0a53c", "#1f4a41"),
    ("#f3f1ec", "#1d2440", "#4055c8", "#d5d9ef"), ("#3a1730", "#fbeef0", "#f0708f", "#571f47"),
    ("#fdf6d8", "#26331c", "#4d7c3a", "#dfe3ae"), ("#1b1d22", "#f4f4f2", "#7fb7a6", "#2b2f37"),
)  # fmt: skip
"""Paper, ink, accent, and a tone between them."""


class Refused(Exception):
    """Why it cannot be set, in words for the caller."""


@dataclass
class Face:
    """A font at any size."""

    path: Path
    characters: tuple[tuple[int, int], ...]
    weight: int
    shaped: bool
    _made: dict[int, ImageFont.FreeTypeFont] = field(default_factory=dict)

    def has(self, character: str) -> bool:
        """Whether it has a letter for a character."""
        return any(first <= ord(character) <= last for first, last in self.characters)

    def at(self, size: int) -> ImageFont.FreeTypeFont:
        """It at a size in pixels."""
        if size not in self._made:
            engine = ImageFont.Layout.RAQM if self.shaped else ImageFont.Layout.BASIC
            made = ImageFont.truetype(io.BytesIO(self.path.read_bytes()), size, layout_engine=engine)
            if "wght" in self.path.name:
                made.set_variation_by_axes([self.weight])
            self._made[size] = made
        return self._made[size]


@dataclass
class Word:
    """Letters without a space, in runs of one face each."""

    runs: list[tuple[Face, str]]

    @cached_property
    def width(self) -> float:
        """At MEASURED_AT."""
        return sum(face.at(MEASURED_AT).getlength(text) for face, text in self.runs)


def faces(
    folder: Path, files: tuple[tuple[str, tuple[tuple[int, int], ...]], ...], weight: int
) -> list[Face]:
    """The fonts of a style. Where nothing can shape, those that need no shaping."""
    shapes = bool(features.check("raqm"))
    usable = files if shapes else files[:PLAIN]
    return [Face(folder / name, characters, weight, shapes) for name, characters in usable]


def words_of(text: str, known: list[Face]) -> list[list[Word]]:
    """The words of each paragraph. Raises Refused for a character that no font has."""
    return [[word_of(each, known) for each in line.split()] for line in text.splitlines() if line.strip()]


def word_of(text: str, known: list[Face]) -> Word:
    """One word in runs. Raises Refused."""
    runs: list[tuple[Face, str]] = []
    for character in text:
        if runs and runs[-1][0].has(character):
            runs[-1] = (runs[-1][0], runs[-1][1] + character)
            continue
        face = next((each for each in known if each.has(character)), None)
        if face is None:
            raise Refused(
                f"It sets words in Latin letters and nine scripts of India; it has no letter for U+{ord(character):04X}."
            )
        runs.append((face, character))
    return Word(runs)


@dataclass
class Setting:
    """Lines that fit, and the size at which they do."""

    size: int
    lines: list[list[Word]]
    leading: float


def fit(paragraphs: list[list[Word]], width: float, height: float, largest: int) -> Setting:
    """The largest letters at which the words fit. Raises Refused where even the smallest do not."""
    latin = all(
        face.characters in (LATIN, WIDER_LATIN)
        for line in paragraphs
        for word in line
        for face, _ in word.runs
    )
    leading = 1.16 if latin else 1.42
    low, high, found = SMALLEST, max(largest, SMALLEST), None
    while low <= high:
        size = (low + high) // 2
        lines = wrapped(paragraphs, width * MEASURED_AT / size)
        if lines is not None and len(lines) * size * leading <= height:
            found, low = Setting(size, lines, leading), size + 1
        else:
            high = size - 1
    if found is None:
        raise Refused("So many words do not fit on a picture of this size.")
    return found


def wrapped(paragraphs: list[list[Word]], width: float) -> list[list[Word]] | None:
    """Lines no wider than that (at MEASURED_AT); None where a word is."""
    lines: list[list[Word]] = []
    for paragraph in paragraphs:
        line: list[Word] = []
        for word in paragraph:
            if word.width > width:
                return None
            if line and length([*line, word]) > width:
                lines.append(line)
                line = []
            line.append(word)
        lines.append(line)
    return lines


def length(line: list[Word]) -> float:
    """Of a line, at MEASURED_AT."""
    return sum(word.width for word in line) + SPACE * (len(line) - 1)


SPACE = 0.26 * MEASURED_AT


class Card:
    """One picture being made."""

    def __init__(self, size: tuple[int, int], palette: tuple[str, str, str, str]) -> None:
        self.width, self.height = size
        self.paper, self.ink, self.accent, self.tone = palette
        self.unit = min(size) / 100
        self.image = Image.new("RGB", size, self.paper)
        self.draw = ImageDraw.Draw(self.image)

    def box(self, left: float, top: float, right: float, bottom: float, **how: Any) -> None:
        """A rectangle; places in hundredths of the shorter side from the left or top edge, negative from the other."""
        across, down = self.width / self.unit, self.height / self.unit
        places = (
            (left + across) if left < 0 else left, (top + down) if top < 0 else top,
            (right + across) if right <= 0 else right, (bottom + down) if bottom <= 0 else bottom,
        )  # fmt: skip
        self.draw.rectangle([round(each * self.unit) for each in places], **how)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """A circle with a smooth edge, in pixels."""
        side = max(2, round(radius * 2))
        times = 4 if side <= 1_000 else 2
        mask = Image.new("L", (side * times, side * times))
        ImageDraw.Draw(mask).ellipse((0, 0, side * times - 1, side * times - 1), fill=255)
        mask.thumbnail((side, side), Image.Resampling.LANCZOS)
        self.image.paste(ImageColor.getrgb(colour), (round(x - radius), round(y - radius)), mask)

    def write(self, setting: Setting, left: float, top: float, width: float, *, centred: bool) -> None:
        """The lines, from a place in pixels on."""
        scale = setting.size / MEASURED_AT
        for number, line in enumerate(setting.lines):
            x = left + (width - length(line) * scale) / 2 if centred else left
            y = top + setting.size * (setting.leading * number + setting.leading * 0.5 + 0.3)
            for word in line:
                for face, text in word.runs:
                    font = face.at(setting.size)
                    self.draw.text((x, y), text, font=font, fill=self.ink, anchor="ls")
                    x += font.getlength(text)
                x += SPACE * scale

    def sign(self, face: Face, *, centred: bool, margin: float) -> None:
        """What it is, small, at the foot."""
        size = round(self.unit * 2.2)
        if size < SMALLEST:
            return
        place = (self.width / 2, self.height - margin) if centred else (margin, self.height - margin)
        font = face.at(size)
        self.draw.text(place, SIGNED, font=font, fill=self.accent, anchor="ms" if centred else "ls")


def framed(card: Card, words: list[list[Word]], small: Face) -> None:
    """In the middle of two thin frames, under an ornament."""
    unit, line = card.unit, max(1, round(card.unit * 0.4))
    card.box(4, 4, -4, -4, outline=card.accent, width=line * 2)
    card.box(6, 6, -6, -6, outline=card.accent, width=line)
    width, height = card.width - 28 * unit, card.height - 44 * unit
    setting = fit(words, width, height, round(unit * 17))
    tall = len(setting.lines) * setting.size * setting.leading
    top = (card.height - tall) / 2
    for place in (-3, 0, 3):
        card.disc(card.width / 2 + place * unit, top - 5 * unit, unit * (1.0 if place else 1.4), card.accent)
    card.write(setting, 14 * unit, top, width, centred=True)
    card.sign(small, centred=True, margin=10 * unit)


def sunny(card: Card, words: list[list[Word]], small: Face) -> None:
    """At the foot, under a large sun."""
    unit = card.unit
    card.disc(card.width - 24 * unit, 20 * unit, 34 * unit, card.tone)
    card.disc(card.width - 24 * unit, 20 * unit, 15 * unit, card.accent)
    width, height = card.width - 18 * unit, card.height - 52 * unit
    setting = fit(words, width, height, round(unit * 18))
    tall = len(setting.lines) * setting.size * setting.leading
    card.write(setting, 9 * unit, card.height - 14 * unit - tall, width, centred=False)
    card.sign(small, centred=False, margin=9 * unit)


def banded(card: Card, words: list[list[Word]], small: Face) -> None:
    """Beside a band, with a short rule above."""
    unit = card.unit
    card.box(0, 0, 9, 0, fill=card.accent)
    card.box(9, 0, 11, 0, fill=card.tone)
    width, height = card.width - 30 * unit, card.height - 46 * unit
    setting = fit(words, width, height, round(unit * 18))
    tall = len(setting.lines) * setting.size * setting.leading
    top = (card.height - tall) / 2
    left = 20 * unit
    card.draw.rectangle((left, top - 5 * unit, left + 14 * unit, top - 4 * unit), fill=card.accent)
    card.write(setting, left, top, width, centred=False)
    card.draw.text(
        (left, card.height - 8 * unit),
        SIGNED,
        font=small.at(max(SMALLEST, round(unit * 2.2))),
        fill=card.accent,
        anchor="ls",
    )


MAKERS = (framed, sunny, banded)


def drawn(*lots: object) -> bytes:
    """A lot that is always the same for the same."""
    return hashlib.sha256(repr(lots).encode()).digest()


def made(asked: dict[str, Any], folder: Path) -> list[bytes]:
    """The pictures: the same for the same seed. Raises Refused."""
    seed = asked["seed"]
    palettes = sorted(PALETTES, key=lambda each: drawn(seed, each))
    layouts = sorted(MAKERS, key=lambda each: drawn(seed, each.__name__))
    pictures: list[bytes] = []
    for number in range(asked["n"]):
        palette, layout = palettes[number], layouts[number % len(layouts)]
        serif = drawn(seed, "style", number)[0] < 160
        known = faces(folder, SERIF if serif else SANS, 600 if serif else 700)
        words = words_of(asked["words"], known)
        if not words:
            raise Refused("There are no words to set.")
        card = Card((asked["width"], asked["height"]), palette)
        layout(card, words, faces(folder, SANS, 450)[0])
        file = io.BytesIO()
        card.image.save(file, FORMATS[asked["format"]], quality=90)
        pictures.append(file.getvalue())
    return pictures


def main() -> None:
    """Make what the input asks for."""
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        pictures = made(json.loads(sys.stdin.buffer.read()), Path(sys.argv[1]))
        told = {"pictures": [base64.b64encode(each).decode() for each in pictures]}
    except Refused as refused:
        told = {"refused": str(refused)}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
