"""Older completions, embeddings and moderations with the official client, unchanged, against the gateway as it is served."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import openai
import pytest

from callmissed.foundation.services import Services
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.served import served, serving, upstream
from tests.support.peer import WORDS, Peer

VECTORS = {"kind": '"embedding"', "price_in": '"100"', "price_out": '"0"', "longest_answer": "0"}


@pytest.fixture
async def shop(services: Services, peer: Peer, tmp_path: Path, open_shop: OpenShop) -> AsyncGenerator[Shop]:
    """A shop while the peer offers models of every kind."""
    models = [
        served("vectors", "vectors", **VECTORS),
        served("odd", "odd", **VECTORS),
        served("judge", "judge", kind='"moderation"', price_in='"0"', price_out='"0"'),
        served("talker", "good"),
    ]
    async with serving(services, tmp_path, upstream("bench", peer.base_url, models)):
        yield await open_shop()


async def test_vectors_of_a_supplier_are_paid_by_what_is_read(
    shop: Shop, client_of: ClientOf, peer: Peer
) -> None:
    made = await client_of(shop).embeddings.create(
        model="vectors", input=["Namaste", "Kal milte hain"], encoding_format="float", dimensions=2, user="x"
    )
    assert [each.embedding for each in made.data] == [[0.5, 0], [0.5, 1]]
    assert (made.model, made.usage.prompt_tokens) == ("vectors", 18)
    assert peer.asked[-1]["path"].endswith("/embeddings")
    assert peer.asked[-1]["body"] == {
        "model": "vectors", "input": ["Namaste", "Kal milte hain"], "encoding_format": "float", "dimensions": 2,
        "user": "x",
    }  # fmt: skip
    [row] = await shop.rows()
    assert (row["endpoint"], row["tokens_in"], row["tokens_out"], row["price_micro"]) == (
        "embeddings", 18, 0, 1800,
    )  # fmt: skip
    assert await shop.adds_up()


async def test_our_own_vectors_put_like_words_together(shop: Shop, client_of: ClientOf) -> None:
    texts = ["What does a visit cost?", "The visit costs ₹399.", "हम रविवार को बंद रहते हैं"]
    made = await client_of(shop).embeddings.create(model="local/lexical", input=texts)
    question, answer, other = (each.embedding for each in made.data)
    assert len(question) == 512
    assert abs(sum(each * each for each in question) - 1) < 1e-5
    assert _alike(question, answer) > _alike(question, other) + 0.1
    again = await client_of(shop).embeddings.create(model="local/lexical", input=texts[0], dimensions=64)
    assert len(again.data[0].embedding) == 64


def _alike(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a model that talks": ({"model": "talker", "input": "x"}, "model_unsuited"),
    "no such model": ({"model": "nobody", "input": "x"}, "model_not_found"),
    "nothing": ({"model": "vectors", "input": []}, "invalid_request"),
    "an empty text": ({"model": "vectors", "input": ["x", ""]}, "invalid_request"),
    "texts and tokens": ({"model": "vectors", "input": ["x", 7]}, "invalid_request"),
    "too many": ({"model": "vectors", "input": ["x"] * 2049}, "invalid_request"),
    "too long": ({"model": "vectors", "input": "word " * 9000}, "context_length_exceeded"),
    "tokens where there is no vocabulary": (
        {"model": "local/lexical", "input": [7, 8]},
        "unsupported_parameter",
    ),
    "an answer of another kind": ({"model": "odd", "input": "x"}, "upstream_broken"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_embedded_is_told_and_free(name: str, shop: Shop, client_of: ClientOf) -> None:
    asked, code = REFUSED[name]
    with pytest.raises(openai.APIStatusError) as refused:
        await client_of(shop).embeddings.create(**asked)
    assert refused.value.code == code
    assert not any(row["price_micro"] for row in await shop.rows())
    assert await shop.adds_up()


async def test_a_model_for_vectors_does_not_talk(shop: Shop, client_of: ClientOf) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client_of(shop).chat.completions.create(
            model="vectors", messages=[{"role": "user", "content": "?"}]
        )
    assert refused.value.code == "model_unsuited"


async def test_moderation_costs_nothing_and_needs_no_model_named(
    shop: Shop, client_of: ClientOf, peer: Peer
) -> None:
    judged = await client_of(shop).moderations.create(input="I will hurt you")
    assert judged.results[0].flagged
    assert (judged.model, peer.asked[-1]["body"]["model"]) == ("judge", "judge")
    [row] = await shop.rows()
    assert judged.id == f"modr-{row['id']}"
    assert (row["endpoint"], row["price_micro"], row["counted_by"]) == ("moderations", 0, "callmissed")


async def test_a_prompt_is_completed_whole_and_in_pieces(shop: Shop, client_of: ClientOf, peer: Peer) -> None:
    client = client_of(shop)
    done = await client.completions.create(model="talker", prompt="Say hello", max_tokens=9, temperature=0.5)
    assert done.choices[0].text == "".join(WORDS)
    assert (done.object, done.choices[0].finish_reason) == ("text_completion", "stop")
    assert done.usage and done.usage.total_tokens == 18
    sent = peer.asked[-1]["body"]
    assert sent["messages"] == [{"role": "user", "content": "Say hello"}]
    assert (sent["max_tokens"], sent["temperature"], "prompt" in sent) == (9, 0.5, False)
    streamed = await client.completions.create(
        model="talker", prompt=["Say hello"], stream=True, stream_options={"include_usage": True}
    )
    chunks = [each async for each in streamed]
    assert "".join(choice.text for each in chunks for choice in each.choices) == "".join(WORDS)
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == 7
    assert peer.asked[-1]["body"]["max_tokens"] == 16
    assert [row["endpoint"] for row in await shop.rows()] == ["completions", "completions"]
    assert await shop.adds_up()


@pytest.mark.parametrize(
    "more", [{"echo": True}, {"best_of": 3}, {"logprobs": 2}, {"suffix": "."}, {"prompt": ["a", "b"]}]
)
async def test_what_a_chat_cannot_do_is_refused(
    more: dict[str, Any], shop: Shop, client_of: ClientOf
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client_of(shop).completions.create(**{"model": "talker", "prompt": "x", **more})
    assert refused.value.code == "unsupported_parameter"
    assert await shop.rows() == []
