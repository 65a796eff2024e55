"""What an attacker tries at the way in, over HTTP: asking who exists, guessing, forging, planting, sending elsewhere."""

import math
import random
import re
import time
from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.foundation.services import Services
from tests.support.people import workspace_of_someone
from tests.support.visitors import at_browser, found_workspace, new_address, type_code

SECURITY = "/app/account/security"
EACH = 200


def mann_whitney(one: list[float], other: list[float]) -> float:
    """Two-sided p value that two samples come from one distribution (Mann and Whitney 1947, normal approximation)."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(place for place, (_, arm) in enumerate(ranked, 1) if arm == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def test_the_measure_sees_a_difference_of_two_tenths_of_the_spread() -> None:
    chance = random.Random(7)
    same = [chance.gauss(10, 1) for _ in range(EACH)]
    assert mann_whitney(same, [chance.gauss(10, 1) for _ in range(EACH)]) > 0.001
    assert mann_whitney(same, [chance.gauss(10.5, 1) for _ in range(EACH)]) < 0.001


@pytest.mark.slow
async def test_asking_does_not_tell_who_has_an_account(
    app: ASGIApp, installation: Installation, services: Services
) -> None:
    """Wording, headers and time: the same for 200 addresses with an account and 200 without."""
    known = []
    for _ in range(EACH // 10):
        address = new_address()
        await workspace_of_someone(services, address)
        known += [address] * 10  # as often as one may ask for a code
    unknown = [each for _ in range(EACH // 10) for each in [new_address()] * 10]
    order = [(address, arm) for arm, many in enumerate((known, unknown)) for address in many]
    random.Random(11).shuffle(order)
    spent: tuple[list[float], list[float]] = ([], [])
    shapes: tuple[set[str], set[str]] = (set(), set())
    for address, arm in order:
        async with at_browser(app, installation.settings.public_url) as browser:
            began = time.perf_counter()
            sent = await browser.post("/sign-in", data={"email": address})
            spent[arm].append(time.perf_counter() - began)
        shapes[arm].add(f"{sent.status_code} {sent.headers['location']} {sorted(sent.headers)} {sent.text}")
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 1
    p = mann_whitney(*spent)
    assert p > 0.001, f"the time tells: p = {p:.4f}"


async def test_the_passkey_question_is_the_same_for_everybody(visitor, services) -> None:
    asked = (await visitor.post("/sign-in/passkey/ask")).json()
    again = (await visitor.post("/sign-in/passkey/ask")).json()
    assert asked.keys() == again.keys()
    assert not asked.get("allowCredentials")
    assert asked["challenge"] != again["challenge"]
    assert asked["userVerification"] == "required"


GARBAGE = ["", "{}", "[]", "null", "{" * 5000, '{"id":"x","rawId":"eA","type":"public-key","response":{}}']


@pytest.mark.parametrize("credential", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_for_a_passkey_is_refused(visitor, services, credential) -> None:
    await found_workspace(visitor, services, new_address())
    made = await visitor.post(f"{SECURITY}/passkeys", data={"credential": credential, "passkey_name": "x"})
    used = await visitor.post("/sign-in/passkey", data={"credential": credential})
    assert (made.status_code, used.status_code) == (401, 401)


NOBODYS = "01900000-0000-7000-8000-000000000000"
WRITES = [
    "/sign-in",
    "/sign-in/code",
    "/sign-in/again",
    "/sign-in/second",
    "/sign-in/passkey",
    "/sign-in/passkey/ask",
    "/sign-out",
    f"{SECURITY}/passkeys",
    f"{SECURITY}/passkeys/ask",
    f"{SECURITY}/apps",
    f"{SECURITY}/apps/{NOBODYS}",
    f"{SECURITY}/recovery-codes",
    f"{SECURITY}/factors/{NOBODYS}/name",
    f"{SECURITY}/factors/{NOBODYS}/remove",
    f"{SECURITY}/providers/{NOBODYS}/unlink",
    f"{SECURITY}/prove",
    "/app/sign-in-rules",
    "/app/sign-in-rules/domains",
]


@pytest.fixture(scope="module")
async def member(
    app: ASGIApp, installation: Installation, services: Services
) -> AsyncGenerator[httpx.AsyncClient]:
    """Somebody signed in."""
    async with at_browser(app, installation.settings.public_url) as made:
        await found_workspace(made, services, new_address())
        yield made


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}],
    ids=["cross-site", "same-site", "origin"],
)
async def test_no_other_website_takes_part_in_a_ceremony(member, path, headers) -> None:
    assert (await member.post(path, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "wish",
    [
        "https://evil.example",
        "//evil.example",
        "/app//evil.example\r\nx: y",
        "/\\evil.example",
        "/app\\@evil.example",
        "javascript:alert(1)",
        "/sign-out",
    ],
)
async def test_no_way_in_leads_elsewhere(visitor, services, wish) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    visitor.cookies.clear()
    done = await type_code(visitor, services, address, wish)
    assert done.headers["location"].startswith("/app")
    assert "evil.example" not in done.headers["location"] or done.headers["location"].startswith("/app/")
    visitor.cookies.clear()
    shown = await visitor.get("/sign-in", params={"next": wish})
    wishes = re.findall(r'name="next" value="([^"]*)"', shown.text)
    assert wishes
    assert all(each.startswith("/app") for each in wishes)
    for page in ("/sign-in/second", "/sign-in/code"):
        assert (
            (await visitor.get(page, params={"next": wish}))
            .headers["location"]
            .startswith("/sign-in?next=/app")
        )


async def test_a_planted_session_is_not_taken_over(visitor, services, app, installation) -> None:
    address, planted = new_address(), "planted" * 6
    visitor.cookies.set("cm_session", planted)
    await found_workspace(visitor, services, address)
    async with at_browser(app, installation.settings.public_url) as thief:
        thief.cookies.set("cm_session", planted)
        assert (await thief.get("/app/keys")).headers["location"].startswith("/sign-in")


async def test_signing_in_again_ends_the_session_that_was_there(visitor, services, app, installation) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    before = visitor.cookies["cm_session"]
    await type_code(visitor, services, address)
    assert visitor.cookies["cm_session"] != before
    async with at_browser(app, installation.settings.public_url) as thief:
        thief.cookies.set("cm_session", before)
        assert (await thief.get("/app/keys")).headers["location"].startswith("/sign-in")


async def test_a_network_that_guesses_at_many_accounts_is_closed_for_all(visitor, services) -> None:
    refused = None
    for _ in range(5):
        await visitor.post("/sign-in", data={"email": new_address()})
        refused = await visitor.post("/sign-in/code", data={"code": "000000"})
    assert refused is not None
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")
    assert (await visitor.post("/sign-in", data={"email": new_address()})).status_code == 429
