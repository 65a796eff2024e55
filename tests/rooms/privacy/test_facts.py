"""The operator's facts: form of CIN and GSTIN, placeholders, and no production start before they are in order."""

import asyncio
import os
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.privacy import Facts, PolicyStart, policy_findings, wrong_facts
from callmissed.privacy.facts import CIN, OperatorUnknown, refuse_unready
from callmissed.privacy.findings import FindingsOpen
from callmissed.privacy.gstin import ALPHABET, check_character, is_gstin
from tests.rooms.privacy.house import OPERATOR, House

GOOD = replace(Facts(), **OPERATOR)
LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


def letters(count: int) -> st.SearchStrategy[str]:
    return st.text(LETTERS, min_size=count, max_size=count)


@st.composite
def gstins(draw: st.DrawFn) -> str:
    """Any well-formed number: state, PAN, entity, Z, check character."""
    state = draw(st.sampled_from([*(f"{n:02}" for n in range(1, 39)), "97", "99"]))
    pan = draw(letters(5)) + draw(digits(4)) + draw(letters(1))
    first = state + pan + draw(st.sampled_from("123456789" + LETTERS)) + "Z"
    return first + check_character(first)


@given(gstins())
def test_every_well_formed_number_passes(number: str) -> None:
    assert is_gstin(number)


@given(gstins(), st.integers(0, 14), st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_always_seen(number: str, place: int, typed: str) -> None:
    mistyped = number[:place] + typed + number[place + 1 :]
    assert is_gstin(mistyped) == (mistyped == number)


@given(gstins(), st.integers(0, 13))
def test_two_neighbours_swapped_are_nearly_always_seen(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if is_gstin(swapped) and swapped != number:
        pair = {ALPHABET.index(number[place]), ALPHABET.index(number[place + 1])}
        assert pair == {0, 35}, "a sum modulo 36 with weights 1 and 2 is blind to 0 and Z alone"


@given(st.text(max_size=20))
def test_anything_else_is_no_number(words: str) -> None:
    assert not is_gstin(words) or (len(words) == 15 and words[14] == check_character(words[:14]))


@pytest.mark.parametrize("number", ["27AAPFU0939F1ZV", "29AAGCB7383J1Z4", "09AAACH7409R1ZZ"])
def test_numbers_in_public_use_pass(number: str) -> None:
    assert is_gstin(number)


@pytest.mark.parametrize(
    "number",
    ["", "27aapfu0939f1zv", "00AAPFU0939F1ZV", "39AAPFU0939F1ZV", " 27AAPFU0939F1ZV", "27AAPFU0939F1ZV\n"],
)
def test_wrong_forms_of_a_tax_number(number: str) -> None:
    assert not is_gstin(number)


@given(
    st.sampled_from("LU"), digits(5), letters(2), st.integers(1900, 2099),
    st.sampled_from(["PLC", "PTC", "OPC", "NPL", "GOI", "SGC", "FTC", "FLC", "GAP", "GAT", "ULL", "ULT"]), digits(6),
)  # fmt: skip
def test_company_numbers(listed: str, industry: str, state: str, year: int, kind: str, number: str) -> None:
    cin = f"{listed}{industry}{state}{year}{kind}{number}"
    assert len(cin) == 21
    assert CIN.fullmatch(cin)
    for wrong in (
        cin[:-1],
        cin + "0",
        cin.lower(),
        "X" + cin[1:],
        cin[:8] + "1899" + cin[12:],
        cin[:12] + "XYZ" + cin[15:],
    ):
        assert not CIN.fullmatch(wrong)


@pytest.mark.parametrize("name", ["legal_name", "registered_office", "cin", "gstin"])
@pytest.mark.parametrize(
    "value", ["", "  ", "XXXX", "[Address pending]", "To be decided", "TBD", "Your company"]
)
def test_what_is_missing_or_a_placeholder_is_named(name: str, value: str) -> None:
    facts = replace(GOOD, **{name: value})
    assert list(wrong_facts(facts)) == [name]


def test_an_operator_in_order() -> None:
    assert wrong_facts(GOOD) == {}
    refuse_unready(replace(GOOD, production=True))
    refuse_unready(Facts())


def test_production_names_what_is_wrong() -> None:
    with pytest.raises(
        OperatorUnknown, match="CALLMISSED_CIN is missing, CALLMISSED_GSTIN is its check character"
    ):
        refuse_unready(replace(GOOD, production=True, cin="", gstin="28" + OPERATOR["gstin"][2:]))


@pytest.mark.database
async def test_production_does_not_start_without_an_operator(house: House) -> None:
    """Nor while nobody answers for a finding; with both in order it does."""
    db = house.services.db
    with house.facts(production=True):
        with pytest.raises(FindingsOpen, match=r"Open: C1, .*C27\. Accept each with"):
            await PolicyStart(house.services).start()
        facts = house.services.get(Facts)
        for each in [each for each in policy_findings.found_here(facts) if each.in_force]:
            async with db.control() as tx:
                await policy_findings.accept(
                    tx, facts, each.id, name="Meera Namuna", reason="Read with counsel."
                )
        await PolicyStart(house.services).start()
    with house.facts(production=True, legal_name="Your company"), pytest.raises(OperatorUnknown):
        await PolicyStart(house.services).start()


@pytest.mark.database
async def test_the_process_itself_refuses(house: House) -> None:
    environment = {
        **os.environ, "CALLMISSED_HOME": str(house.installation.home), "CALLMISSED_PRODUCTION": "1",
        "CALLMISSED_FIND_UPSTREAMS": "0", "CALLMISSED_SMTP_URL": "smtp://127.0.0.1:9", "CALLMISSED_PORT": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "callmissed.app.cli", "serve"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"Production does not start before the operator's legal identity is configured" in said
    assert b"CALLMISSED_LEGAL_NAME is missing" in said
