"""What is looked for in files: our hidden words, which must not be readable on disk, and payment cards, in logs."""

from callmissed.privacy.canary import hidden_words
from callmissed.privacy.promises.collection import holds_card

__all__ = ["hidden_words", "holds_card"]
