"""What narrows a key: reading is strict, and matching agrees with a second, slower opinion for any input."""

import base64
import random
import re
import string
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.foundation import telemetry
from callmissed.foundation.money import RUPEE, Micro
from callmissed.foundation.problems import Problem
from callmissed.identity import KEY_SCOPES, KEY_SERVICES, key_format, service_of
from callmissed.identity.key_problems import (
    BudgetUnusable,
    ModelsUnusable,
    NetworksUnusable,
    OriginsUnusable,
    RateUnusable,
)
from callmissed.identity.key_rules import (
    KeyLimits,
    ModelRule,
    NetworkRule,
    read_limits,
    read_network,
    read_origin,
)

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "keys.md"
PIECES = st.sampled_from(["*", "a", "b", ".", "/", "-", "local", "gpt", "[", "?", "\n", "+", "\\"])
NAMES = st.lists(PIECES, min_size=1, max_size=6).map("".join)


@given(st.lists(NAMES, min_size=1, max_size=4), NAMES)
def test_a_model_is_matched_as_a_shell_would_that_knew_the_star_alone(
    patterns: list[str], model: str
) -> None:
    def quoted(pattern: str) -> str:
        return re.sub(r"[?\[]", lambda found: f"[{found[0]}]", pattern)

    expected = any(fnmatchcase(model, quoted(each)) for each in patterns)
    assert ModelRule(patterns).allows(model) is expected


V4 = st.integers(0, 2**32 - 1)
V6 = st.integers(0, 2**128 - 1)


@given(V4, st.integers(0, 32), V4, st.booleans(), st.booleans())
def test_an_ipv4_range_means_its_bits_in_either_dress(
    base: int, bits: int, address: int, near: bool, mapped: bool
) -> None:
    size = 32 - bits
    base = base >> size << size
    address = base | (address & ((1 << size) - 1)) if near else address
    written = f"{IPv4Address(base)}/{bits}"
    spelled = f"::ffff:{IPv4Address(address)}" if mapped else str(IPv4Address(address))
    expected = address >> size == base >> size
    assert NetworkRule([written]).allows(spelled) is expected
    assert NetworkRule([f"::ffff:{IPv4Address(base)}/{96 + bits}"]).allows(spelled) is expected


@given(V6, st.integers(0, 128), V6, st.booleans())
def test_an_ipv6_range_means_its_bits(base: int, bits: int, address: int, near: bool) -> None:
    size = 128 - bits
    base = base >> size << size
    address = base | (address & ((1 << size) - 1)) if near else address
    if IPv6Address(address).ipv4_mapped or IPv6Address(base).ipv4_mapped:
        return  # those are IPv4 addresses, tested above
    rule = NetworkRule([f"{IPv6Address(base)}/{bits}"])
    assert rule.allows(str(IPv6Address(address))) is (address >> size == base >> size)
    assert rule.allows(f"{IPv6Address(address)}%eth0") is (address >> size == base >> size)


@given(st.text(max_size=40))
def test_what_is_no_address_may_not_call(text: str) -> None:
    try:
        ip_network(text.partition("%")[0])
    except ValueError:
        assert NetworkRule(["0.0.0.0/0", "::/0"]).allows(text) is False


def test_the_memory_of_addresses_is_bounded() -> None:
    rule = NetworkRule(["10.0.0.0/8"])
    for n in range(3_000):
        assert rule.allows(f"10.0.{n // 256}.{n % 256}")
    assert len(rule._seen) <= 1_000


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("10.0.0.0/8", "10.0.0.0/8"), ("203.0.113.7", "203.0.113.7/32"), ("2001:DB8::/32", "2001:db8::/32"),
     ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("10.0.0.5/8", None), ("10.0.0.0/33", None), ("ten", None), ("", None),
     ("fe80::1%eth0/64", None)],
)  # fmt: skip
def test_a_range_is_read_as_it_was_meant_or_not_at_all(typed: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(NetworksUnusable):
            read_network(typed)
    else:
        assert str(read_network(typed)) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("https://Shop.Example", "https://shop.example"), ("https://shop.example/", "https://shop.example"),
     ("https://shop.example:443", "https://shop.example"), ("https://shop.example:8443", "https://shop.example:8443"),
     ("http://localhost:3000", "http://localhost:3000"), ("https://[::1]:8", "https://[::1]:8"),
     ("http://shop.example", None), ("shop.example", None), ("https://shop.example/app", None), ("https://*.example", None),
     ("https://a@shop.example", None), ("https://", None), ("null", None), ("https://shop.example:99999", None),
     ("https://shop..example", None), ("javascript://shop.example", None), ("https://shop.example?x", None)],
)  # fmt: skip
def test_a_website_is_read_as_browsers_send_it_or_not_at_all(typed: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(OriginsUnusable):
            read_origin(typed)
    else:
        assert read_origin(typed) == kept


@pytest.mark.parametrize(
    ("limits", "problem"),
    [(KeyLimits(requests_per_minute=0), RateUnusable), (KeyLimits(requests_per_minute=100_001), RateUnusable),
     (KeyLimits(tokens_per_minute=-1), RateUnusable), (KeyLimits(monthly_budget=Micro(0)), BudgetUnusable),
     (KeyLimits(monthly_budget=Micro(10**7 * RUPEE + 1)), BudgetUnusable), (KeyLimits(models=("a b",)), ModelsUnusable),
     (KeyLimits(models=tuple(f"m{n}" for n in range(21))), ModelsUnusable), (KeyLimits(models=("x" * 201,)), ModelsUnusable),
     (KeyLimits(networks=("10.0.0.1/8",)), NetworksUnusable), (KeyLimits(origins=("ftp://x.example",)), OriginsUnusable)],
)  # fmt: skip
def test_limits_that_mean_nothing_are_refused(limits: KeyLimits, problem: type[Problem]) -> None:
    with pytest.raises(problem):
        read_limits(limits)


def test_limits_are_kept_once_and_in_one_spelling() -> None:
    kept = read_limits(
        KeyLimits(
            models=(" local/* ", "local/*", ""),
            origins=("https://A.example/", "https://a.example:443"),
            networks=("10.0.0.1", "::ffff:10.0.0.1"),
        )
    )
    assert kept == KeyLimits(models=("local/*",), origins=("https://a.example",), networks=("10.0.0.1/32",))


def test_services_open_their_own_addresses_and_no_other() -> None:
    opened = {path: name for name, service in KEY_SERVICES.items() for path in service.paths}
    for path, name in opened.items():
        assert service_of(path) == service_of(f"{path}/x") == name
        assert service_of(f"{path}x") is None
    assert service_of("/v1/models") is None
    assert not {"keys.write", "team.write", "owner.transfer", "tenant.close"} & set(KEY_SCOPES)


def documented() -> re.Pattern[str]:
    """The pattern that docs/keys.md gives to scanners."""
    found = re.search(r"^key: `(.+)`$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return re.compile(found[1])


def test_a_leak_scanner_finds_ours_and_only_ours() -> None:
    """100,000 random strings of the same alphabet and shape; the checksum tells chance from keys."""
    pattern, chance = documented(), random.Random(7)
    ours = [key_format.mint() for _ in range(200)]
    words = string.ascii_letters + string.digits
    others = ["cm_" + "".join(chance.choices(words, k=chance.choice((37, 38, 39)))) for _ in range(60_000)]
    others += [base64.urlsafe_b64encode(chance.randbytes(30)).decode() for _ in range(20_000)]
    others += ["sk-" + "".join(chance.choices(words, k=38)) for _ in range(20_000)]
    heap = [*others, *(f'api_key="{each}"' for each in ours)]
    chance.shuffle(heap)
    hits = [hit for hit in pattern.findall("\n".join(heap)) if key_format.well_formed(hit)]
    assert sorted(hits) == sorted(ours)
    assert "cm_" not in telemetry.scrub(f"failed with {ours[0]} and cmt_{'a' * 60}.{'b' * 43}").replace(
        "cmt_", "cm_"
    )
