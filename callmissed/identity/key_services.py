"""What an API key can be allowed, as data: services by the addresses under /v1 they open, and scopes of the management API."""

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from callmissed.identity.roles import ROLES


@dataclass(frozen=True, slots=True)
class KeyService:
    """A service: the paths it opens, each with what stands below it."""

    paths: tuple[str, ...]


KEY_SERVICES: MappingProxyType[str, KeyService] = MappingProxyType(
    {
        "llm": KeyService(
            (
                "/v1/chat",
                "/v1/completions",
                "/v1/responses",
                "/v1/messages",
                "/v1/embeddings",
                "/v1/moderations",
                "/v1/files",
                "/v1/batches",
            )
        ),
        "stt": KeyService(("/v1/audio/transcriptions", "/v1/audio/translations")),
        "tts": KeyService(("/v1/audio/speech",)),
        "image": KeyService(("/v1/images",)),
        "search": KeyService(("/v1/search",)),
    }
)
"""Every service by its name. A key has none unless it is given; /v1/models and /v1/tokens need a working key only."""

_NEVER = frozenset(
    {"keys.write", "team.write", "tenant.write", "tenant.close", "owner.transfer", "residency.write"}
)
"""What no key may do: a key does not make keys, members or owners, and lets nothing leave the country."""

KEY_SCOPES: tuple[str, ...] = tuple(sorted(frozenset[str]().union(*ROLES.values()) - _NEVER))
"""What a key can be allowed in the management API: permissions of roles. A key has none unless it is given."""


MASKING = "masking"
PROMPT_LOG = "prompt_log"
CACHE = "cache"
IMAGE_HISTORY = "image_history"
COMPRESSION = "compression"
REPAIR = "repair"
GROUNDING = "grounding"
"""Switched on for every key that has a bot to rest on; it is chosen by naming the bot."""
KEY_OPTIONS: tuple[str, ...] = (MASKING, CACHE, COMPRESSION, REPAIR, IMAGE_HISTORY, PROMPT_LOG)
"""What can be done besides with a key's requests. All of it is off unless it is switched on for the key."""


@lru_cache(maxsize=256)
def service_of(path: str) -> str | None:
    """The service that opens this path; None when none does."""
    for name, service in KEY_SERVICES.items():
        if any(path == known or path.startswith(f"{known}/") for known in service.paths):
            return name
    return None
