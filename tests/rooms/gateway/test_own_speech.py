"""Speech on a workspace's own accounts at suppliers that speak and hear."""

from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path

import pytest

from callmissed.foundation.services import Services
from callmissed.gateway import provider_keys
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.rooms.gateway.served import served, serving, upstream
from tests.rooms.gateway.test_audio import HEARS, SERVICES, SPEAKS
from tests.support.recordings import recording
from tests.support.sound_peer import SPOKEN, SoundPeer, running_sound_peer


@pytest.fixture
async def sounds() -> AsyncGenerator[SoundPeer]:
    async with running_sound_peer() as peer:
        yield peer


async def test_speech_runs_on_a_workspaces_own_account_as_everything_does(
    services: Services, sounds: SoundPeer, tmp_path: Path, open_shop: OpenShop, client_of: ClientOf
) -> None:
    parts: list[str] = []
    for kind, base in (("openai", "/v1"), ("deepgram", "/v1"), ("sarvam", "")):
        models = [served(f"{kind}/ear", "ear", **HEARS), served(f"{kind}/good-voice", "good", **SPEAKS)]
        words = f'name = "{kind}"\nkind = "{kind}"\napi_key = "operators-{kind}"\nown_keys = "may"\n'
        parts.append(upstream(kind, sounds.address + base, models).replace(f'name = "{kind}"\n', words, 1))
    async with serving(services, tmp_path, *parts) as upstreams:
        shop = await open_shop("0", permissions=SERVICES)
        async with services.db.tenant(shop.access) as tx:
            for kind in ("openai", "deepgram", "sarvam"):
                wish = provider_keys.Wish(
                    kind, f"{kind}-own-canary-8812", "Agreement", date(2026, 1, 1), excludes_training=True
                )
                await provider_keys.bring(tx, provider_keys.Proven(wish, upstreams.taker(kind).server))
        client, before = client_of(shop), len(sounds.asked)
        for kind in ("openai", "deepgram", "sarvam"):
            heard = await client.audio.transcriptions.create(
                model=f"{kind}/ear", file=("call.wav", recording())
            )
            spoken = await client.audio.speech.create(
                model=f"{kind}/good-voice", input="Namaste", voice="asha"
            )
            assert heard.text
            assert spoken.content == SPOKEN
    sent = [str(each.headers) for each in sounds.asked[before:]]
    assert len(sent) == 6
    assert all("-own-canary-8812" in each and "operators-" not in each for each in sent), sent
    assert {(row["own_key"], row["price_micro"]) for row in await shop.rows()} == {(True, 0)}
