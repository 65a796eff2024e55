"""The catalogue: one price per model whoever runs it, a version that tells changes apart, and files that cannot be used."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.gateway.catalogue import Catalogue, digest, model_of, models_of, read
from callmissed.gateway.register import Upstreams
from callmissed.gateway.upstreams import UpstreamSettings, found_upstreams

KNOWN = {"2026-12-02": "2a07b071", "2026-12-03": "e4a75d29"}
"""What each version of the shipped catalogue says. A change of what callers are told is a new version here."""

ENTRY = {"id": "m", "upstream": "u", "price_in": "1", "price_out": "2", "context": 10, "longest_answer": 5}
FILE = """
[[upstream]]
name = "one"
base_url = "http://127.0.0.1:9/v1"
region = "IN"
contract = "written down"
[[upstream.model]]
id = "m"
price_in = "1"
price_out = "2"
context = 10
longest_answer = 5
[[upstream]]
name = "two"
base_url = "http://127.0.0.1:9/v1"
region = "IN"
contract = "written down"
[[upstream.model]]
id = "m"
served_as = "their-m"
{more}
"""


@pytest.mark.parametrize("member", ["price_out", "longest_answer"])
def test_a_model_that_talks_says_what_its_words_cost(member: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != member}
    with pytest.raises(KeyError):
        model_of(entry)
    assert model_of({**entry, "kind": "embedding"}).kind == "embedding"


def test_a_change_of_the_catalogue_has_a_version_of_its_own() -> None:
    catalogue = read()
    assert KNOWN.get(catalogue.version) == digest(catalogue.models)


@pytest.mark.parametrize(
    "change", [{"price_in": "1.1"}, {"context": 11}, {"successor": "n"}, {"abilities": ["tools"]}, {"ends_on": "2027-01-31", "successor": "n"}]
)  # fmt: skip
def test_whatever_callers_are_told_changes_the_digest(change: dict[str, object]) -> None:
    assert digest([model_of({**ENTRY, **change})]) != digest([model_of(ENTRY)])


@pytest.mark.parametrize("change", [{"upstream": "v"}, {"served_as": "x"}, {"weight": 3}, {"cost": "1"}])
def test_what_concerns_the_operator_alone_does_not(change: dict[str, object]) -> None:
    assert digest([model_of({**ENTRY, **change})]) == digest([model_of(ENTRY)])


def test_an_entry_may_name_several_upstreams_in_order() -> None:
    found = models_of({**ENTRY, "upstream": ["a", "b"]})
    assert [(each.upstream, each.order) for each in found] == [("a", 0), ("b", 1)]


@pytest.mark.parametrize(
    "change", [{"weight": 0}, {"abilities": ["magic"]}, {"ends_on": "2027-01-31"}, {"price_in": "-1"}]
)
def test_an_entry_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"weight|abilities|successor|price"):
        model_of({**ENTRY, **change})


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_price_never_falls_short_and_is_rounded_up_once(reading: int, writing: int, a: int, b: int) -> None:
    model = model_of({**ENTRY, "price_in": a / 1_000_000, "price_out": 0})
    exact = reading * model.price_in + writing * model.price_out
    assert 0 <= model.price(reading, writing) * 1_000_000 - exact < 1_000_000
    assert model.price(reading, writing) <= model.price(reading + b, writing)


async def in_file(tmp_path: Path, more: str = "", top: str = "") -> UpstreamSettings:
    file = tmp_path / "upstreams.toml"
    file.write_text(top + FILE.format(more=more))
    return UpstreamSettings(file=file, look=False)


async def test_a_second_upstream_sells_as_the_first_does(tmp_path: Path) -> None:
    settings = await in_file(tmp_path, "weight = 2\norder = 1")
    (_, [first]), (_, [second]) = await found_upstreams(settings, Catalogue("1", (), {}))
    assert first.sale == second.sale
    assert (second.served_as, second.weight, second.order) == ("their-m", 2, 1)


@pytest.mark.parametrize("name", ["two words", "at@home", "ü", "", "a" * 61])
async def test_a_name_that_does_not_fit_a_header_stops_the_start(name: str, tmp_path: Path) -> None:
    settings = await in_file(tmp_path)
    assert settings.file
    settings.file.write_text(settings.file.read_text().replace('"two"', f'"{name}"'))
    with pytest.raises(ValueError, match="an upstream's name"):
        await found_upstreams(settings, Catalogue("1", (), {}))


async def test_one_model_with_two_prices_stops_the_start(tmp_path: Path) -> None:
    settings = await in_file(tmp_path, 'price_in = "9"')
    with pytest.raises(ValueError, match="m has two prices"):
        await found_upstreams(settings, Catalogue("1", (), {}))


async def test_the_operator_may_sell_a_model_of_the_catalogue_at_another_price(tmp_path: Path) -> None:
    settings = await in_file(tmp_path)
    known = model_of({**ENTRY, "price_in": "50"})
    (_, [first]), (_, [second]) = await found_upstreams(settings, Catalogue("1", (known,), {}))
    assert first.price_in == second.price_in == 1_000_000


@pytest.mark.parametrize("rule", ['prefer = "luck"', "attempts = 0", "attempts = 7", "colour = 1"])
async def test_a_rule_that_cannot_be_stops_the_start(rule: str, tmp_path: Path, services) -> None:
    settings = await in_file(tmp_path, top=f"[routing]\n{rule}\n")
    with pytest.raises((ValueError, TypeError)):
        await Upstreams(services.db, settings).start()
