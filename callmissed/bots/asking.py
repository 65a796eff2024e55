"""Whether a visitor's words ask for a person. Nothing but the rule."""

import re
import unicodedata

_PERSON_EN = re.compile(
    r"\b(?:(?:talk|speak|chat|connect|transfer|put)\b.{0,24}\b(?:person|human|someone|somebody|representative|executive|"
    r"operator|staff|agent|manager|teammate|customer care)"
    r"|(?:real|actual|live)\s+(?:person|human|agent)"
    r"|(?:want|need|get|give)\s+(?:me\s+)?(?:an?\s+|the\s+)?(?:person|human|agent|representative|executive|operator)"
    r"|human\s+please|customer\s+care\s+(?:se|number))\b"
)
_PERSON_LATIN_HINDI = re.compile(
    r"\b(?:(?:insaan|insan|aadmi|admi|banda|bande|manushya|vyakti|staff|manager|customer care)\s+(?:se|ko|ke)\b.{0,16}\b"
    r"(?:baat|bat|bulao|bulaiye|milao|jodo|jod)"
    r"|koi\s+(?:insaan|insan|aadmi|admi|banda|vyakti)"
    r"|(?:insaan|insan)\s+(?:chahiye|chahie|bulao|bulaiye)"
    r"|kisi\s+se\s+baat)\b"
)
_PERSON_HINDI = re.compile(
    r"(?:इंसान|इन्सान|आदमी|व्यक्ति|कर्मचारी|प्रतिनिधि|मैनेजर|स्टाफ|बंदे)\s*(?:से|को|के साथ).{0,16}(?:बात|बुला|जोड़|मिला)"
    r"|(?:कोई|किसी)\s+(?:इंसान|इन्सान|आदमी|व्यक्ति)"
    r"|(?:इंसान|इन्सान)\s+चाहिए|किसी\s+से\s+बात"
)
_REFUSED = re.compile(
    r"\b(?:do not|don't|dont|no need to)\s+(?:want|need|talk|speak|connect)|\bnahi chahiye\b|नहीं चाहिए"
)


def asks_for_person(text: str) -> bool:
    """Whether the words ask to talk to a human being, in English, Hindi, or Hindi in Latin letters."""
    words = " ".join(unicodedata.normalize("NFC", text).lower().replace("’", "'").split())
    if _REFUSED.search(words):
        return False
    return any(pattern.search(words) for pattern in (_PERSON_EN, _PERSON_LATIN_HINDI, _PERSON_HINDI))
