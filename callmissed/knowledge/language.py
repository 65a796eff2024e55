"""Which language a text is in, without a model: by its script, and where scripts are shared by its commonest words.

Answers are BCP 47 tags. "hi-Latn" is Hindi written in Latin letters, as people type it on a phone ("AC repair kitne ka
hai"). The text search configuration of PostgreSQL follows from the tag; `simple` serves languages without one.
"""

import re
import unicodedata
from collections import Counter

SCRIPTS = {
    "DEVANAGARI": "hi", "BENGALI": "bn", "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or", "TAMIL": "ta",
    "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "ARABIC": "ur", "LATIN": "en",
    "CYRILLIC": "ru", "GREEK": "el", "THAI": "th", "HEBREW": "he", "OL": "sat", "MEETEI": "mni",
}  # fmt: skip
"""The language assumed for a script, unless function words say otherwise. Keys: first word of Unicode character names."""

FUNCTION_WORDS: dict[str, dict[str, str]] = {
    "DEVANAGARI": {
        "hi": "है हैं का की के को में से और क्या कब कहाँ कहां कितना कितने कितनी आप नहीं यह वह पर हम मेरा मेरी करते होता था लिए भी तो हो कैसे कौन",
        "mr": "आहे आहेत चा ची चे ला मध्ये आणि काय कधी कुठे किती तुम्ही नाही हे ते आम्ही माझा माझी करता होते साठी पण का कसे कोण आहात केव्हा होय",
        "ne": "छ छन् को मा लाई बाट र के कहिले कहाँ कति तपाईं तपाईंको होइन यो त्यो हामी मेरो गर्छ हुन्छ लागि पनि गर्नुहुन्छ कसरी हो छैन गर्न",
        "sa": "अस्ति सन्ति च एव अपि इति किम् कदा कुत्र अहम् न तत् एतत्",
        "kok": "आसा आनी म्हजें तुमी कितें खंय केन्ना ना हांव आमी",
    },
    "LATIN": {
        "en": "the is are a an of to in and do does you your we our what when where how can for it on my i not with at be have will",
        "hi-Latn": "hai hain ka ki ke ko mein me se aur kya kab kahan kaha kitna kitne kitni kitney aap nahi nahin yeh ye par hum mera meri mere "
                   "karte karna hota tha liye bhi toh ho kaise kaun kar chahiye raha rahi kaam paisa mujhe karo hoga milega sakte aapka aapki",
        "mr-Latn": "aahe ahe aahet cha chi che madhe ani kay kadhi kuthe kiti tumhi nahi amhi maza mazi karta hoil sathi pahije aahat",
        "es": "el la los las de que y en un una es por con para como cuando cuándo donde dónde cuanto cuánto qué no se su",
        "fr": "le la les de des et est un une que pour dans en vous nous je quand combien pas sur au du",
        "de": "der die das und ist ein eine nicht wir sie ich mit für auf wann wie was zu den von im",
        "pt": "o os as de que e em um uma é por com para como quando onde quanto não se do da",
        "it": "il lo la gli di che e un una è per con come quando dove quanto non si del della",
        "nl": "de het een en is van wij niet u ik met voor op wanneer hoe wat te zijn",
        "id": "yang dan di ini itu dengan untuk tidak dari kami anda apa kapan berapa ada saya bisa",
    },
    "ARABIC": {
        "ur": "ہے ہیں کا کی کے کو میں سے اور کیا کب کہاں کتنا آپ نہیں یہ پر ہم",
        "ar": "في من على إلى هل ما متى أين كم هذا هذه لا أن عن مع نحن",
        "ks": "چھُ چھِ تہٕ کیاہ",
        "sd": "آهي آهن جو جي ۾ کان ڇا توهان",
    },
    "BENGALI": {
        "bn": "আছে এর কি কখন কোথায় কত আপনি না এবং আমি করে হয় জন্য র",
        "as": "আছে ৰ কি কেতিয়া ক'ত কিমান আপুনি নহয় আৰু মই কৰে হয় বাবে",
    },
}  # fmt: skip

CONFIGURATIONS = {
    "en": "english", "hi": "hindi", "hi-Latn": "english", "mr-Latn": "english", "ne": "nepali", "ta": "tamil",
    "ar": "arabic", "es": "spanish", "fr": "french", "de": "german", "pt": "portuguese", "it": "italian",
    "nl": "dutch", "id": "indonesian", "ru": "russian", "el": "greek",
}  # fmt: skip
"""Language → text search configuration, where PostgreSQL 15 to 18 has one. Latin Hindi is full of English nouns."""

_WORDS = {
    script: {language: frozenset(words.split()) for language, words in languages.items()}
    for script, languages in FUNCTION_WORDS.items()
}
SAMPLE = 4000


def language_of(text: str, default: str = "en") -> str:
    """The language of a text as a BCP 47 tag. `default` answers for texts without a letter."""
    sample = text[:SAMPLE].lower()
    scripts = Counter(_script(sign) for sign in sample if unicodedata.category(sign)[0] in "LM")
    scripts.pop("", None)
    if not scripts:
        return default
    # A Hindi sentence full of English names is Hindi: a third of the letters is enough against Latin.
    script = max(scripts, key=lambda each: (scripts[each] * (1 if each == "LATIN" else 2), each))
    if script not in _WORDS:
        return SCRIPTS.get(script, default)
    words = Counter(re.findall(r"[^\s.,!?;:()\"।/|–-]+", sample))
    counts = {
        language: sum(count for word, count in words.items() if word in known)
        for language, known in _WORDS[script].items()
    }
    assumed = SCRIPTS[script]
    best = max(counts, key=lambda language: (counts[language], language == assumed, language))
    return best if counts[best] > counts[assumed] else assumed


def _script(sign: str) -> str:
    return "LATIN" if sign.isascii() else unicodedata.name(sign, "").split(" ")[0].split("-")[0]


def configuration_of(language: str, available: frozenset[str]) -> str:
    """The text search configuration for a language among those the server has; `simple` where it has none."""
    wanted = CONFIGURATIONS.get(language, "simple")
    return wanted if wanted in available else "simple"
