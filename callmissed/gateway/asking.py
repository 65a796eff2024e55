"""Which requests the addresses of /v1 read, and what their key may ask: the same for those who wait and for batches."""

from callmissed.gateway.billed import Billable
from callmissed.gateway.languages import OPENAI, PROMPTS, RESPONSES, Language
from callmissed.identity import KeyAccess

LANGUAGES: dict[str, Language] = {each.completions: each for each in (OPENAI, PROMPTS, RESPONSES)}
"""How OpenAI's clients ask for completions, by address."""


def allowed(key: KeyAccess, request: Billable) -> None:
    """Whether this key may ask its models, its fallbacks too. Raises ModelNotAllowed."""
    for model in (request.model, *request.fallbacks):
        key.ask(model)
