"""Which requests the addresses of /v1 read, and what their key may ask: the same for those who wait and for batches."""

from callmissed.gateway.billed import Billable
from callmissed.gateway.languages import OPENAI, PROMPTS, RESPONSES, Language
from callmissed.gateway.problems import KnowledgeForServers
from callmissed.gateway.providers import OWN_KNOWLEDGE
from callmissed.gateway.requests import CompletionRequest
from callmissed.identity import KeyAccess

LANGUAGES: dict[str, Language] = {each.completions: each for each in (OPENAI, PROMPTS, RESPONSES)}
"""How OpenAI's clients ask for completions, by address."""


def allowed(key: KeyAccess, request: Billable) -> None:
    """Whether this key may ask its models, its fallbacks too. Raises ModelNotAllowed."""
    for model in (request.model, *request.fallbacks):
        key.ask(model)


def within_sight(key: KeyAccess, request: Billable) -> None:
    """Whether what this request rests on may be told where its key stands. Raises KnowledgeForServers."""
    if not key.in_browsers:
        return
    if isinstance(request, CompletionRequest) and request.wishes is not None:
        grounding, web = request.wishes.grounding, request.wishes.web
        named = grounding.bot_id if grounding else None
        if named not in {None, key.grounds} or (web is not None and web.model == OWN_KNOWLEDGE):
            raise KnowledgeForServers
    elif request.model == OWN_KNOWLEDGE:
        raise KnowledgeForServers
