"""What narrows a key beyond what it may do: models, websites, address ranges, rates and money. Reading and matching.

A rule is read strictly when it is written down (what could mean two things is refused), and matched without surprises:
a model pattern knows `*` alone, a website is compared as a whole origin, an IPv4 address means the same in IPv6 clothes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from callmissed.foundation.money import RUPEE, Micro, rupees
from callmissed.identity.key_problems import (
    BudgetUnusable,
    ModelsUnusable,
    NetworksUnusable,
    OriginsUnusable,
    RateUnusable,
)

MOST_ENTRIES = 20
MOST_REQUESTS = 100_000
MOST_TOKENS = 100_000_000
MOST_BUDGET = Micro(10_000_000 * RUPEE)
REMEMBERED = 1_000
MAPPED = 96
"""An IPv4 range in IPv6 clothes (RFC 4291 §2.5.5.2) begins after so many bits."""

_MODEL = re.compile(r"[A-Za-z0-9][\w.:/@+*-]{0,199}|\*[\w.:/@+*-]{0,199}", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_HOME = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What narrows a key. None and empty mean: not narrowed. Budgets are of a month, in micro-rupees:
    that of the key, and that of each end user for whom it asks.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    monthly_budget: Micro | None = None
    models: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    end_user_budget: Micro | None = None


def read_limits(wished: KeyLimits) -> KeyLimits:
    """The limits in the form they are kept and compared in.

    Raises RateUnusable, BudgetUnusable, ModelsUnusable, OriginsUnusable and NetworksUnusable.
    """
    for value, most in ((wished.requests_per_minute, MOST_REQUESTS), (wished.tokens_per_minute, MOST_TOKENS)):
        if value is not None and not 0 < value <= most:
            raise RateUnusable
    for budget in (wished.monthly_budget, wished.end_user_budget):
        _check(budget)
    models = _few(wished.models, ModelsUnusable)
    if not all(_MODEL.fullmatch(each) for each in models):
        raise ModelsUnusable
    return replace(
        wished,
        models=models,
        origins=tuple(dict.fromkeys(read_origin(each) for each in _few(wished.origins, OriginsUnusable))),
        networks=tuple(
            dict.fromkeys(str(read_network(each)) for each in _few(wished.networks, NetworksUnusable))
        ),
    )


def typed_limits(
    requests: str = "",
    tokens: str = "",
    budget: str = "",
    models: str = "",
    origins: str = "",
    networks: str = "",
    end_user_budget: str = "",
) -> KeyLimits:
    """The limits as somebody types them: lists one entry a line, the budget in rupees, empty for none.

    Raises RateUnusable and BudgetUnusable; `read_limits` judges the rest.
    """
    lists = tuple(models.splitlines()), tuple(origins.splitlines()), tuple(networks.splitlines())
    return KeyLimits(
        _whole(requests), _whole(tokens), typed_budget(budget), *lists, typed_budget(end_user_budget)
    )


def read_budget(typed: str) -> Micro | None:
    """A budget as somebody types it, in rupees; None when nothing was typed. Raises BudgetUnusable."""
    budget = typed_budget(typed)
    _check(budget)
    return budget


def _check(budget: Micro | None) -> None:
    if budget is not None and not 0 < budget <= MOST_BUDGET:
        raise BudgetUnusable


def typed_budget(typed: str) -> Micro | None:
    """An amount in rupees as somebody types it; None when nothing was typed. Raises BudgetUnusable."""
    try:
        return rupees(re.sub(r"[₹,\s]", "", typed)) if typed.strip() else None
    except (ValueError, ArithmeticError):
        raise BudgetUnusable from None


def _whole(typed: str) -> int | None:
    """A number without its grouping commas; None when nothing was typed. Raises RateUnusable."""
    bare = re.sub(r"[,\s]", "", typed)
    if bare and not re.fullmatch(r"[0-9]{1,12}", bare):
        raise RateUnusable
    return int(bare) if bare else None


def _few(
    entries: Iterable[str], unusable: type[ModelsUnusable | OriginsUnusable | NetworksUnusable]
) -> tuple[str, ...]:
    """The entries without blanks and repetitions. Raises `unusable` for more than 20."""
    kept = tuple(dict.fromkeys(plain for each in entries if (plain := each.strip())))
    if len(kept) > MOST_ENTRIES:
        raise unusable
    return kept


def read_origin(text: str) -> str:
    """An origin as browsers send it (RFC 6454 §6.2): scheme, host, and a port that is not the usual one.

    Raises OriginsUnusable. Unprotected http is for this computer alone.
    """
    try:
        parts = urlsplit(text.lower())
        port = parts.port
    except ValueError:
        raise OriginsUnusable from None
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if not bare or not _HOST.fullmatch(host) or ".." in host or not _safe(parts.scheme, host):
        raise OriginsUnusable
    return f"{parts.scheme}://{host}" + ("" if port in {None, _PORTS[parts.scheme]} else f":{port}")


def _safe(scheme: str, host: str) -> bool:
    return scheme == "https" or (scheme == "http" and host in _HOME)


def read_network(text: str) -> IPv4Network | IPv6Network:
    """An address or a range (CIDR). Raises NetworksUnusable, also when bits beyond the prefix are set."""
    try:
        network = ip_network(text)
    except ValueError:
        raise NetworksUnusable from None
    if isinstance(network, IPv6Network) and network.prefixlen >= MAPPED:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - MAPPED))
    return network


class ModelRule:
    """Which models may be asked: exact ids, and patterns in which `*` stands for any characters."""

    __slots__ = ("_exact", "_pattern")

    def __init__(self, models: Iterable[str]) -> None:
        """At least one id or pattern."""
        known = tuple(models)
        self._exact = frozenset(each for each in known if "*" not in each)
        patterns = [".*".join(map(re.escape, each.split("*"))) for each in known if "*" in each]
        self._pattern = re.compile("|".join(patterns), re.DOTALL) if patterns else None

    def allows(self, model: str) -> bool:
        """Whether this model may be asked."""
        return model in self._exact or (
            self._pattern is not None and self._pattern.fullmatch(model) is not None
        )


class NetworkRule:
    """Which network addresses may call."""

    __slots__ = ("_networks", "_seen")

    def __init__(self, networks: Iterable[str]) -> None:
        """At least one range."""
        self._networks = tuple(read_network(each) for each in networks)
        self._seen: dict[str, bool] = {}

    def allows(self, address: str) -> bool:
        """Whether this address may call. What is no address may not."""
        known = self._seen.get(address)
        if known is None:
            known = self._look(address)
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[address] = known
        return known

    def _look(self, address: str) -> bool:
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        plain = (parsed.ipv4_mapped if parsed.version == 6 else None) or parsed
        return any(plain in network for network in self._networks if network.version == plain.version)
