"""What a bot says when it cannot answer at all. In the visitor's language."""

FAILED = {
    "en": "I cannot answer right now. Your message is safe, and I have asked a person to join.",
    "hi": "मैं अभी जवाब नहीं दे पा रहा। आपका संदेश सुरक्षित है और मैंने किसी इंसान को बुलाया है।",
    "hi-Latn": "Main abhi jawab nahi de pa raha. Aapka message surakshit hai aur maine kisi insaan ko bulaya hai.",
}


def failed(language: str | None) -> str:
    """The honest sentence for a failure; English where the language is not known."""
    return FAILED.get(language or "en", FAILED["en"])
