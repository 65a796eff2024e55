"""How e-mail addresses, phone numbers and network addresses are read before they are kept or compared."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from email_validator import EmailNotValidError, validate_email

from callmissed.identity.problems import EmailUnusable, PhoneUnusable

LONGEST_EMAIL = 254
"""RFC 5321 §4.5.3.1.3, less the angle brackets."""

LONGEST_LOCAL_PART = 64
"""RFC 5321 §4.5.3.1.1, in octets."""


@dataclass(frozen=True, slots=True)
class Email:
    """An address as it is written to, and the form in which equal mailboxes are equal."""

    address: str
    lookup: str


def read_email(typed: str) -> Email:
    """Read an e-mail address (RFC 5321, 6531). Raises EmailUnusable; asks no server."""
    try:
        known = validate_email(typed.strip(), check_deliverability=False, allow_smtputf8=True)
    except EmailNotValidError:
        raise EmailUnusable from None
    if len(known.normalized) > LONGEST_EMAIL or len(known.local_part.encode()) > LONGEST_LOCAL_PART:
        raise EmailUnusable
    domain = (known.ascii_domain or known.domain).lower()
    return Email(known.normalized, f"{known.local_part.casefold()}@{domain}")


def read_phone(typed: str) -> str | None:
    """A phone number in E.164 form, or None when none was given. Ten digits are Indian. Raises PhoneUnusable."""
    bare = re.sub(r"[\s().-]", "", typed)
    if not bare:
        return None
    if re.fullmatch(r"0?[6-9]\d{9}", bare):
        return f"+91{bare[-10:]}"
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    if not re.fullmatch(r"\+[1-9]\d{7,14}", bare):
        raise PhoneUnusable
    return bare


def area_of(address: str) -> str:
    """The part of a network address that names a provider's area and no machine: /24, or /48 of IPv6. Empty for no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))


def network_of(address: str) -> str:
    """The address that wrong codes are counted under: itself, or its /64 network where whoever has one has them all."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network(f"{parsed}/64", strict=False))
    return str(parsed)
