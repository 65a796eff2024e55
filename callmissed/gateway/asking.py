"""Which requests the addresses of /v1 read, and what their key may ask: the same for those who wait and for batches."""

from typing import TypeVar

from callmissed.gateway.languages import OPENAI, PROMPTS, RESPONSES, Language
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.works import WorkRequest
from callmissed.identity import KeyAccess

LANGUAGES: dict[str, Language] = {each.completions: each for each in (OPENAI, PROMPTS, RESPONSES)}
"""How OpenAI's clients ask for completions, by address."""

Asks = TypeVar("Asks", CompletionRequest, WorkRequest, CompletionRequest | WorkRequest)


def allowed(key: KeyAccess, request: Asks) -> Asks:
    """The request, whose models this key may ask, its fallbacks too. Raises ModelNotAllowed."""
    for model in (request.model, *request.fallbacks):
        key.ask(model)
    return request
