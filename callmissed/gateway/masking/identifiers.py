"""Finding what names a person or a firm in India: shapes with their check digits, and the words around those that have none.

A digit may be written in any script, and stand between spaces and dashes of any kind. What passes a check digit by chance (one
number in ten) is taken for the real thing: it comes back in the answer, so a mistake costs nothing but a name.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from callmissed.privacy import is_gstin, luhn

Passes = Callable[[str], bool]

BEFORE, AFTER = 40, 25
"""Letters before and after a number in which a word must stand that says what it is."""

_MULTIPLIED = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
"""Verhoeff's scheme (J. Verhoeff, 1969): multiplication in the dihedral group D5, and the permutation by place."""

BETWEEN = str.maketrans("", "", " -")
PLAIN: dict[int, str] = {
    **dict.fromkeys((0xA0, *range(0x2000, 0x200C), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF), " "),
    **dict.fromkeys((0xAD, *range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63), "-"),
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **{code: str(int(chr(code))) for code in range(0x0600, 0x1FC00) if chr(code).isdecimal()},
}
"""Spaces and dashes of every width, the full-width forms, and the digits of every script, as what they are in ASCII: one for one."""
ESCAPED = re.compile(r"\\(?:[bfnrt]|u[0-9A-Fa-f]{4})")
"""What JSON within a text writes for a character: its letters are no part of the word that follows."""
NEEDED = re.compile("[0-9@]")
"""One of these stands in everything that is found."""
CARD_RANGES = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|2(?:2[2-9]|[3-6][0-9]|7[0-2])[0-9]{13}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    r"|35[0-9]{14}|(?:50|5[6-9]|6[0-9]|8[12])[0-9]{11,17}"
)
"""Visa, Mastercard, American Express, Diners, JCB; Maestro, RuPay, Discover and UnionPay (ISO/IEC 7812 ranges)."""
PSPS = (
    "apl|apy|axis[a-z]*|axl|barodampay|cnrb|dbs|dlb|federal|fbl|fam|freecharge|hdfcbank[a-z]*|hsbc|ibl|icici|idbi|idfc[a-z]*"
    "|ikwik|indianbank|indus|jio|jupiteraxis|kbl|kotak|kmbl|mahb|naviaxis|ok(?:axis|hdfcbank|icici|sbi)|paytm|pingpay|pnb|pockets"
    "|postbank|pt(?:axis|hdfc|sbi|yes)|rapl|rbl|sbi|sc|sib|slice|superyes|tapicici|timecosmos|uboi|uco|unionbank|upi|waicici"
    "|wa(?:axis|hdfcbank|sbi)|yapl|yes(?:bank|g|pay)?|ybl|yescred|yespop|zoicici"
)
"""What follows the @ of a UPI address (NPCI's list of apps and banks, those in wide use)."""


def verhoeff(number: str) -> bool:
    """Whether the last digit is Verhoeff's check digit of the others (UIDAI: so are Aadhaar numbers made)."""
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = int(_MULTIPLIED[check][int(_PERMUTED[place % 8][int(digit)])])
    return check == 0


def _is_aadhaar(found: str) -> bool:
    number = found.translate(BETWEEN)
    return number[0] not in "01" and verhoeff(number)


def _is_card(found: str) -> bool:
    number = found.translate(BETWEEN)
    return CARD_RANGES.fullmatch(number) is not None and luhn(number)


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a kind is written. `near` are words of which one must stand close by; `needs` is in every such text."""

    kind: str
    shape: re.Pattern[str]
    passes: Passes = _always
    near: re.Pattern[str] | None = None
    needs: str = ""

    def found_in(self, text: str) -> Iterable[tuple[int, int]]:
        """Where it stands."""
        if self.needs not in text:
            return
        for match in self.shape.finditer(text):
            start, end = match.span()
            if not self.passes(match.group()):
                continue
            if self.near is None or (
                self.near.search(text, max(start - BEFORE, 0), start)
                or self.near.search(text, end, end + AFTER)
            ):
                yield start, end


def _shape(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern that begins and ends where a word does, and is no part of a decimal number."""
    return re.compile(rf"(?<!\w)(?<![0-9][.])(?:{pattern})(?!\w)(?![.][0-9])", flags)


_CALLED = re.compile(
    r"phone|mobile|\bmob\b|\bph\b|\bcall|contact|whats ?app|\btel\b|\bsms\b|\bring\b|\bdial|\bcell\b|reach (?:me|us|him|her)"
    r"|(?:\bmy|\bhis|\bher|\byour|\btheir|\bmera|\bapna|मेरा|अपना|आपका|उनका|उसका) (?:number|no\b|नंबर|नम्बर)"
    r"|फ़ोन|फ़ोन|फोन|मोबाइल|कॉल|संपर्क|सम्पर्क|व्हाट्सऐप|व्हाट्सएप",
    re.IGNORECASE,
)
_PAYS = re.compile(r"\bupi\b|\bvpa\b|g ?pay|google pay|phonepe|paytm|bhim|यूपीआई", re.IGNORECASE)
_BANKS = re.compile(r"ifsc|\bneft\b|\brtgs\b|\bimps\b|आईएफएससी", re.IGNORECASE)
_GROUPED = r"(?<![0-9]{4}[ -])[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}(?![ -][0-9]{4}(?![0-9]))"

_IN_THREE = r"[6-9][0-9]{2}[ -][0-9]{3}[ -][0-9]{4}|[6-9][0-9]{3}[ -][0-9]{3}[ -][0-9]{3}"
_OF_A_TOWN = r"0[1-8][0-9][ -][0-9]{4}[ -]?[0-9]{4}|0[1-8][0-9]{2}[ -][0-9]{7}|0[1-8][0-9]{3}[ -][0-9]{6}"

RULES = (
    Rule(
        "EMAIL",
        re.compile(r"(?<![\w.%+\u0900-\u0D7F-])[\w%+\u0900-\u0D7F][\w.%+\u0900-\u0D7F-]{0,63}@(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"),
        needs="@",
    ),
    Rule("UPI", re.compile(rf"(?<![\w.-])[\w][\w.-]{{1,98}}@(?:{PSPS})(?![\w-])(?!\.\w)", re.IGNORECASE), needs="@"),
    Rule("UPI", re.compile(r"(?<![\w.-])[\w][\w.-]{1,98}@[A-Za-z]{2,30}(?![\w-])(?!\.\w)"), near=_PAYS, needs="@"),
    Rule("GSTIN", _shape(r"[0-9][0-9][A-Za-z]{5}[0-9]{4}[A-Za-z][1-9A-Za-z][Zz][0-9A-Za-z]"), lambda found: is_gstin(found.upper())),
    Rule("PAN", _shape(r"[A-Z]{3}[ABCFGHJLPT][A-Z]([ -]?)[0-9]{4}\1[A-Z]|[a-z]{3}[abcfghjlpt][a-z][0-9]{4}[a-z]")),
    Rule("IFSC", _shape(r"[A-Z]{4}0[A-Z0-9]{6}")),
    Rule("IFSC", _shape(r"[A-Za-z]{4}0[A-Za-z0-9]{6}"), near=_BANKS),
    Rule("CARD", _shape(r"[0-9]{13,19}|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"), _is_card),
    Rule("CARD", _shape(r"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5}"), _is_card),
    Rule("PHONE", re.compile(r"(?<![\w+])(?:\+|00)91[ ().-]{0,2}(?:0[ ().-]{0,2})?[2-9](?:[ ().-]{0,2}[0-9]){9}(?![0-9])")),
    Rule("PHONE", _shape(rf"(?:91[ -]?)?[6-9][0-9]{{4}}[ -]?[0-9]{{5}}|{_IN_THREE}"), near=_CALLED),
    Rule("AADHAAR", _shape(rf"[0-9]{{12}}|{_GROUPED}"), _is_aadhaar),
    Rule("PHONE", _shape(rf"0[ -]?[6-9][0-9]{{4}}[ -]?[0-9]{{5}}|[6-9][0-9]{{4}}[ -][0-9]{{5}}|{_OF_A_TOWN}")),
)  # fmt: skip
"""Every one of them. Where two find something at the same place, the earlier is right."""

KINDS = tuple(dict.fromkeys(rule.kind for rule in RULES))


def find(text: str) -> list[tuple[int, int, str]]:
    """What is found: where it begins and ends, and its kind; in the order of the text, and none within another."""
    found: list[tuple[int, int, str]] = []
    taken = bytearray(len(text))
    text = text if text.isascii() else text.translate(PLAIN)
    if "\\" in text:
        text = ESCAPED.sub(lambda match: " " * len(match[0]), text)
    if NEEDED.search(text) is None:
        return []
    for rule in RULES:
        for start, end in rule.found_in(text):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append((start, end, rule.kind))
    return sorted(found)
