"""Tokens made from keys: what they do, when they end, and that no secret stays anywhere."""

import inspect
import logging
from datetime import timedelta

import pytest

from callmissed.foundation import clock
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import KeyRing, key_tokens, mint_token, revoke_key, rotation
from callmissed.identity.key_problems import (
    KeyReplaced,
    OriginNotAllowed,
    TokenExpired,
    TokenMalformed,
    TokenMayNotMint,
    TokenTooWide,
)
from callmissed.identity.problems import KeyRevoked
from tests.support.keys import make_key, refused
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.fixture
def ring(services: Services) -> KeyRing:
    """The process's own ring, as wired."""
    return services.get(KeyRing)


# Tokens


async def test_a_token_does_what_it_was_made_for_while_its_key_works(services, owner, ring) -> None:
    made = await make_key(services, owner, scopes=["inbox.read", "bots.read"])
    key = await ring.resolve(made.secret)
    token = mint_token(services.vault, key, 300, ["llm", "inbox.read"], "https://shop.example")
    found = await ring.resolve(token.token)
    assert found.by_token and found.key_id == made.id
    assert found.access.permissions == {"llm", "inbox.read"}
    found.from_where("https://shop.example", "198.51.100.1")
    for origin in (None, "https://evil.example", "null"):
        with pytest.raises(OriginNotAllowed):
            found.from_where(origin, "198.51.100.1")
    with pytest.raises(TokenMayNotMint):
        mint_token(services.vault, found, 60, None, None)
    for scopes in (["contacts.erase"], ["*"], []):
        with pytest.raises(TokenTooWide):
            mint_token(services.vault, key, 60, scopes, None)
    with clock.travel(seconds=299):
        assert await ring.resolve(token.token)
    with clock.travel(seconds=301), pytest.raises(TokenExpired):
        await ring.resolve(token.token)
    async with services.db.tenant(owner) as tx:
        await revoke_key(tx, made.id)
    await refused(ring, token.token, KeyRevoked)
    assert token.token not in repr(token)


async def test_a_token_outlives_neither_its_key_nor_the_secret_it_was_made_with(
    services, owner, ring
) -> None:
    made = await make_key(services, owner, days=1)
    with clock.travel(days=1, seconds=-10):
        token = mint_token(services.vault, await ring.resolve(made.secret), 300, None, None)
        assert token.expires_at - clock.now() < timedelta(seconds=11)
    stolen = mint_token(services.vault, await ring.resolve(made.secret), 300, None, None)
    assert await ring.resolve(stolen.token)
    async with services.db.tenant(owner) as tx:
        await rotation.rotate_key(tx, made.id, 0)
    await refused(ring, stolen.token, KeyReplaced)


async def test_a_token_is_checked_without_the_database(services, owner, ring) -> None:
    made = await make_key(services, owner)
    token = mint_token(services.vault, await ring.resolve(made.secret), 60, None, None).token
    ring._reader, kept = None, ring._reader
    try:
        assert (await ring.resolve(token)).access.permissions == {"llm"}
    finally:
        ring._reader = kept


async def test_a_token_that_was_touched_is_none(services, owner, ring) -> None:
    key = await ring.resolve((await make_key(services, owner)).secret)
    token = mint_token(services.vault, key, 60, None, None).token
    places = [*range(4, len(token), 7), len(token) - 1]
    for place in places:
        letter = "A" if token[place] != "A" else "B"
        with pytest.raises(TokenMalformed):
            await ring.resolve(token[:place] + letter + token[place + 1 :])
    for wrong in ("cmt_", "cmt_x.y", "cmt_" + "é" * 60, "cmt_" + "A" * 10_000, token[:-1], token + "A"):
        with pytest.raises(TokenMalformed):
            await ring.resolve(wrong)
    body = "cmt_" + key_tokens._text(b"\x93\x01\x02\x03" * 12)
    signed = f"{body}.{key_tokens._text(services.vault.keyed_hash(key_tokens.MAC, body))}"
    with pytest.raises(TokenMalformed):
        await ring.resolve(signed)


# Secrets stay secret


async def test_look_ups_go_by_keyed_hash_and_tags_are_compared_in_constant_time(
    services, owner, ring
) -> None:
    made = await make_key(services, owner)
    await ring.resolve(made.secret)
    assert {len(lookup) for lookup in ring._by_hash} == {32}
    assert services.vault.keyed_hash("api_key", made.secret) in ring._by_hash
    checks = inspect.getsource(key_tokens.read)
    assert "hmac.compare_digest(" in checks and "==" not in checks


async def test_no_secret_is_in_the_memory_of_the_ring_or_in_a_log(services, owner, ring, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    made = await make_key(services, owner)
    key = await ring.resolve(made.secret)
    token = mint_token(services.vault, key, 60, None, None)
    await ring.resolve(token.token)
    async with services.db.tenant(owner) as tx:
        newer = await rotation.rotate_key(tx, made.id, 1)
    await ring.resolve(newer.secret)
    said = (
        caplog.text
        + repr(ring._by_id)
        + repr(ring._by_hash)
        + repr(ring._refused)
        + repr((made, newer, token, key))
    )
    for secret in (made.secret, newer.secret, token.token):
        assert secret not in said and secret[4:-6] not in said


async def test_the_actor_of_a_key_is_the_key(services, owner, ring) -> None:
    made = await make_key(services, owner)
    assert (await ring.resolve(made.secret)).access.actor == Actor("key", made.id)
