"""The words the room knows, read once from `vocabulary.toml`."""

import tomllib
from pathlib import Path
from typing import Any

_DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))

FUNCTION_WORDS: dict[str, dict[str, str]] = _DATA["function_words"]
"""Script → language → its commonest words."""
STOP: dict[str, str] = _DATA["stop"]
WEAK: str = _DATA["weak"]["words"]
INTENTS: dict[str, str] = _DATA["intents"]
SOCIAL: dict[str, str] = _DATA["social"]
REPLIES: dict[str, dict[str, str]] = _DATA["replies"]
"""Occasion → language → the fixed reply."""
HINDI_SUFFIXES: str = _DATA["stems"]["hindi"]
SYNONYMS: list[str] = _DATA["synonyms"]["groups"]
"""Groups of words that mean the same, their members parted by commas."""
