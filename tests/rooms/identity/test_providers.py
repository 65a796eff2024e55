"""Signing in through a provider: with one by another hand, and with one that lies, is slow, or is gone."""

import re
from collections.abc import AsyncGenerator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text, update

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import ways_in
from callmissed.identity.models import UserAccount
from callmissed.identity.service.linking import link_identity
from tests.support.factors import SECURITY, who
from tests.support.mailbox import newest_code
from tests.support.providers import (
    SECRET,
    HonestProvider,
    LyingProvider,
    honest_provider,
)
from tests.support.visitors import ANSWERS, at_browser, found_workspace, new_address


@pytest.fixture(scope="module")
async def honest(services: Services, installation: Installation) -> AsyncGenerator[HonestProvider]:
    """The provider by another hand, in the register of the installation."""
    back = f"{installation.settings.public_url}/sign-in/with/honest/back"
    async with honest_provider(back) as made:
        settings = ways_in.ProviderSettings("honest", "Honest", made.issuer, "callmissed", SECRET)
        services.get(ways_in.Providers).offer(settings)
        yield made


async def through(visitor: httpx.AsyncClient, honest: HonestProvider, start: str) -> httpx.Response:
    """To the honest provider and back: our reply to that."""
    went = await visitor.get(start, headers={"sec-fetch-site": "same-origin"})
    assert went.status_code == 303, went.text
    back = await honest.visit(went.headers["location"])
    return await visitor.get(back)


async def set_out(visitor: httpx.AsyncClient, liar: LyingProvider, name: str = "liar") -> dict[str, str]:
    """Set out to the liar, who learns the nonce: what the address we were sent to says."""
    went = await visitor.get(f"/sign-in/with/{name}?next=/app/keys")
    assert went.status_code == 303, went.text
    told = {each: values[0] for each, values in parse_qs(urlsplit(went.headers["location"]).query).items()}
    liar.nonce = told["nonce"]
    return told


async def come_back(visitor: httpx.AsyncClient, liar: LyingProvider, **change: str) -> httpx.Response:
    """Set out and come back."""
    told = await set_out(visitor, liar)
    return await visitor.get(
        "/sign-in/with/liar/back", params={"state": told["state"], "code": "c", **change}
    )


# With a provider by another hand


async def test_somebody_new_proves_the_address_once_and_then_comes_in_at_once(
    visitor, services, honest
) -> None:
    address, subject = new_address(), uuid7().hex
    await honest.seat(
        sub=subject, email=address, email_verified=True, name="Asha Namuna", birthdate="1990-01-01"
    )
    first = await through(visitor, honest, "/sign-in/with/honest?next=/app/keys")
    assert first.headers["location"] == "/sign-in/code?next=/app/keys", "never by the address alone"
    assert await who(services, visitor) is None
    code = await newest_code(services, address)
    done = await visitor.post("/sign-in/code", data={"code": code, "next": "/app/keys"})
    assert done.headers["location"] == "/welcome?next=/app/keys"
    await visitor.post("/welcome", data=ANSWERS)
    found = await who(services, visitor)
    assert found
    assert found.methods == ("oidc", "code")
    visitor.cookies.clear()
    again = await through(visitor, honest, "/sign-in/with/honest?next=/app/keys")
    assert again.headers["location"] == "/app/keys"
    now = await who(services, visitor)
    assert now
    assert (now.user_id, now.methods) == (found.user_id, ("oidc",))


async def test_only_the_three_claims_are_kept_and_none_is_readable(visitor, services, honest) -> None:
    address, subject = new_address(), uuid7().hex
    await honest.seat(
        sub=subject,
        email=address,
        email_verified=True,
        name="Asha Kanariya",
        picture="https://x.example/canary",
        phone_number="+919812345678",
    )
    await through(visitor, honest, "/sign-in/with/honest")
    await visitor.post("/sign-in/code", data={"code": await newest_code(services, address)})
    seen = ""
    async with services.db.control() as tx:
        for table in ("linked_identity", "sign_in_code", "user_account", "session", "ceremony"):
            rows = await tx.session.execute(text(f"SELECT t::text FROM {table} t"))
            seen += "\n".join(row[0] for row in rows)
    for canary in (subject, address, "Kanariya", "x.example", "9812345678"):
        assert canary not in seen
        assert canary.encode().hex() not in seen


async def test_an_account_links_and_unlinks_a_provider(visitor, services, honest, app, installation) -> None:
    address, subject = new_address(), uuid7().hex
    await found_workspace(visitor, services, address)
    await honest.seat(sub=subject, email=f"other-{address}", email_verified=True, name="A")
    linked = await through(visitor, honest, f"{SECURITY}/link/honest")
    assert linked.headers["location"] == SECURITY
    page = await visitor.get(SECURITY)
    assert f"other-{address}" in page.text
    async with at_browser(app, installation.settings.public_url) as phone:
        done = await through(phone, honest, "/sign-in/with/honest")
        assert done.headers["location"] == "/app", "linked while signed in: no code is asked"
    async with at_browser(app, installation.settings.public_url) as stranger:
        await found_workspace(stranger, services, new_address())
        taken = await through(stranger, honest, f"{SECURITY}/link/honest")
        assert (taken.status_code, "belongs to another account" in taken.text) == (409, True)
    identity = re.search(rf"{SECURITY}/providers/([0-9a-f-]{{36}})/unlink", page.text)
    assert identity
    assert (await visitor.post(f"{SECURITY}/providers/{identity[1]}/unlink")).status_code == 303
    visitor.cookies.clear()
    unknown = await through(visitor, honest, "/sign-in/with/honest")
    assert unknown.headers["location"].startswith("/sign-in/code"), "a stranger again"


async def test_what_somebody_else_proved_opens_nobodys_account(visitor, services, honest) -> None:
    """A provider that vouches for the address of another: the code goes to the owner of the mailbox, not to the browser."""
    victim = new_address()
    await found_workspace(visitor, services, victim)
    visitor.cookies.clear()
    await honest.seat(sub=uuid7().hex, email=victim, email_verified=True, name="Mallory")
    await through(visitor, honest, "/sign-in/with/honest")
    assert await who(services, visitor) is None
    async with services.db.control() as tx:
        count = await tx.session.scalar(text("SELECT count(*) FROM linked_identity WHERE user_id IS NULL"))
    assert count == 0
    refused = await visitor.post("/sign-in/code", data={"code": "000000"})
    assert refused.status_code == 401


async def test_a_proven_domain_leads_to_the_provider_and_tells_nothing_of_accounts(
    visitor, services, honest, app, installation
) -> None:
    owner, domain = new_address(), f"{uuid7().hex}.example"
    await found_workspace(visitor, services, owner)
    rules = "/app/sign-in-rules"
    assert (
        await visitor.post(f"{rules}/domains", data={"domain": f"@{domain}", "provider": "honest"})
    ).status_code == 303
    page = await visitor.get(rules)
    proof = re.search(r"callmissed-verify=[0-9a-f]{32}", page.text)
    check = re.search(rf"{rules}/domains/[0-9a-f-]{{36}}/check", page.text)
    assert proof
    assert check
    early = await visitor.post(check[0])
    assert (early.status_code, "record was not found" in early.text) == (409, True)
    async with at_browser(app, installation.settings.public_url) as other:
        sent = await other.post("/sign-in", data={"email": f"asha@{domain}"})
        assert sent.headers["location"].startswith("/sign-in/code"), "not proven, so nothing changes"
        records = installation.home / "dns.toml"
        records.write_text(f'"_callmissed.{domain}" = ["v=spf1 -all", "{proof[0]}"]\n', encoding="utf-8")
        assert (await visitor.post(check[0])).status_code == 303
        sent = await other.post("/sign-in", data={"email": f"asha@{domain}", "next": "/app/keys"})
        assert sent.headers["location"] == "/sign-in/company?next=/app/keys&to=honest"
        assert "Honest" in (await other.get(sent.headers["location"])).text
        await found_workspace(other, services, new_address())
        await other.post(f"{rules}/domains", data={"domain": domain, "provider": "honest"})
        theirs = re.search(rf"{rules}/domains/[0-9a-f-]{{36}}/check", (await other.get(rules)).text)
        assert theirs
        stolen = await other.post(theirs[0])
        assert stolen.status_code == 409, "the other's proof is not theirs"


# With one that lies


async def test_the_liar_can_also_tell_the_truth(visitor, services, liar) -> None:
    """Otherwise the refusals below would prove nothing."""
    liar.claims = {"email": new_address()}
    done = await come_back(visitor, liar)
    assert done.headers["location"] == "/sign-in/code?next=/app/keys"
    form = liar.forms[-2]
    assert len(form["code_verifier"][0]) == 64


async def test_whoever_is_locked_comes_from_the_provider_to_their_own_mailbox(
    visitor, services, liar
) -> None:
    """A domain that leads to a provider offers no other way to the code that opens the account again."""
    address = new_address()
    await found_workspace(visitor, services, address)
    found = await who(services, visitor)
    assert found
    liar.claims = {
        "email": new_address(),
        "sub": "linked-1",
    }  # the code goes to the account's address, not here
    index = services.db.vault.keyed_hash("provider_subject", f"{liar.issuer}:linked-1")
    async with services.db.control() as tx:
        await link_identity(tx, found.user_id, "liar", index, address)
        await tx.session.execute(
            update(UserAccount).where(UserAccount.id == found.user_id).values(locked_at=clock.now())
        )
    visitor.cookies.clear()
    led = await come_back(visitor, liar)
    assert led.headers["location"].startswith("/sign-in/code")
    assert "cm_session" not in visitor.cookies
    done = await visitor.post("/sign-in/code", data={"code": await newest_code(services, address)})
    assert done.status_code == 303
    assert (await visitor.get("/restore")).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": "not an address"},
        {"aud": "somebody-else"},
        {"aud": ["callmissed", "somebody-else"]},
        {"azp": "somebody-else"},
        {"iss": "https://accounts.google.com"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": 1_700_000_000},
        {"iat": 4_000_000_000},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": ""},
        {"sub": None},
        {"sub": "x" * 256},
    ],
    ids=str,
)
async def test_a_lie_in_the_token_is_refused(visitor, services, liar, claims) -> None:
    liar.claims = {"email": new_address(), **claims}
    refused = await come_back(visitor, liar)
    assert (refused.status_code, "Not signed in" in refused.text) == (401, True)
    assert await who(services, visitor) is None


@pytest.mark.parametrize("sign", ["none", "hs256-with-public-key", "other-key"])
async def test_a_signature_that_is_none_is_refused(visitor, services, liar, sign) -> None:
    liar.sign = sign
    assert (await come_back(visitor, liar)).status_code == 401
    assert await who(services, visitor) is None


async def test_keys_may_turn(visitor, services, liar) -> None:
    liar.claims = {"email": new_address()}
    assert (await come_back(visitor, liar)).status_code == 303
    liar.sign = "new-key"
    assert (await come_back(visitor, liar)).status_code == 401, "asked for a moment ago: not again at once"
    services.get(ways_in.Providers).provider("liar")._keys_at -= 60
    liar.sign = "new-key"
    assert (await come_back(visitor, liar)).status_code == 303
    assert liar.asked.count("/keys") == 2


async def test_an_answer_works_once_in_its_own_browser_and_in_time(visitor, liar, app, installation) -> None:
    liar.claims = {"email": new_address()}
    told = await set_out(visitor, liar)
    answer = {"state": told["state"], "code": "c"}
    async with at_browser(app, installation.settings.public_url) as victim:
        await victim.post("/sign-in/passkey/ask")  # it has a browser cookie of its own
        refused = await victim.get("/sign-in/with/liar/back", params=answer)
        assert refused.status_code == 401, "sign-in forgery: somebody else's answer"
    with clock.travel(seconds=601):
        assert (await visitor.get("/sign-in/with/liar/back", params=answer)).status_code == 401, "too late"
    assert (await visitor.get("/sign-in/with/liar/back", params=answer)).status_code == 303
    assert (await visitor.get("/sign-in/with/liar/back", params=answer)).status_code == 401, "once"
    for state in ("", "x", "A" * 43, "é", "%00"):
        refused = await visitor.get("/sign-in/with/liar/back", params={"state": state, "code": "c"})
        assert refused.status_code == 401


async def test_an_answer_of_one_provider_is_not_taken_for_anothers(visitor, services, liar) -> None:
    services.get(ways_in.Providers).offer(liar.settings("attacker"))
    told = await set_out(visitor, liar, "attacker")
    mixed = await visitor.get("/sign-in/with/liar/back", params={"state": told["state"], "code": "c"})
    assert mixed.status_code == 401
    assert "/token" not in liar.asked, "the code went nowhere"
    assert told["redirect_uri"].endswith("/sign-in/with/attacker/back"), "each has an address of its own"


@pytest.mark.parametrize(("iss", "status"), [("https://evil.example", 401), ("", 401)])
async def test_an_answer_that_names_another_issuer_is_refused(visitor, liar, iss, status) -> None:
    assert (await come_back(visitor, liar, iss=iss)).status_code == status
    assert "/token" not in liar.asked


async def test_an_issuer_that_is_promised_may_not_be_missing(visitor, liar) -> None:
    liar.document = {"authorization_response_iss_parameter_supported": True}
    liar.claims = {"email": new_address()}
    assert (await come_back(visitor, liar)).status_code == 401
    assert (await come_back(visitor, liar, iss=liar.issuer)).status_code == 303


async def test_whoever_declines_there_is_not_signed_in_here(visitor, liar) -> None:
    refused = await come_back(visitor, liar, error="access_denied", code="")
    assert (refused.status_code, "You were not signed in there" in refused.text) == (401, True)


@pytest.mark.parametrize(
    "document",
    [
        {"token_endpoint": "http://169.254.169.254/latest/meta-data"},
        {"token_endpoint": "https://localhost/token"},
        {"token_endpoint": "https://10.0.0.1/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "https://u:p@accounts.example/token"},
        {"token_endpoint": ""},
        {"jwks_uri": "http://192.168.0.1/keys"},
        {"issuer": "https://accounts.google.com"},
    ],
    ids=str,
)
async def test_a_provider_cannot_send_us_into_our_own_network(visitor, services, liar, document) -> None:
    liar.document = document
    went = await visitor.get("/sign-in/with/liar")
    if went.status_code == 303:
        told = parse_qs(urlsplit(went.headers["location"]).query)
        liar.nonce = told["nonce"][0]
        went = await visitor.get("/sign-in/with/liar/back", params={"state": told["state"][0], "code": "c"})
    assert went.status_code in {401, 502}
    assert await who(services, visitor) is None


async def test_a_slow_or_endless_or_absent_provider_is_given_up_on(visitor, services, liar) -> None:
    liar.delay = 5
    slow = await come_back(visitor, liar)
    assert (slow.status_code, "does not answer" in slow.text) == (502, True)
    liar.delay, liar.huge = 0, True
    assert (await come_back(visitor, liar)).status_code == 401
    gone = ways_in.ProviderSettings("gone", "Gone", "http://127.0.0.1:9", "callmissed", SECRET)
    services.get(ways_in.Providers).offer(gone)
    assert (await visitor.get("/sign-in/with/gone")).status_code == 502
    assert (await visitor.get("/sign-in/with/nobody")).status_code == 404


async def test_no_other_website_starts_a_trip(visitor, services, liar) -> None:
    await found_workspace(visitor, services, new_address())
    for path in ("/sign-in/with/liar", f"{SECURITY}/link/liar"):
        for site in ("cross-site", "same-site"):
            assert (await visitor.get(path, headers={"sec-fetch-site": site})).status_code == 403


async def test_the_provider_is_not_told_where_the_visitor_wanted_to_go(visitor, liar) -> None:
    told = await set_out(visitor, liar)
    assert told["scope"] == "openid email profile"
    assert (told["code_challenge_method"], told["response_type"]) == ("S256", "code")
    assert "keys" not in str(told)
