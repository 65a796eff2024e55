"""The compiled notices as the public pages show them."""

from functools import lru_cache

from callmissed.foundation.problems import NotFound
from callmissed.privacy import Facts, policy_notices


class NoSuchNotice(NotFound):
    """There is no notice of that name, or not in that language. /privacy/notices lists them."""

    code = "no_such_notice"


@lru_cache(maxsize=32)
def notices_in(facts: Facts, language: str) -> tuple[policy_notices.Compiled, ...]:
    """Every notice in this language. Kept, because a public page must not be a way to keep the process busy."""
    return policy_notices.compile_documents(facts, language)
