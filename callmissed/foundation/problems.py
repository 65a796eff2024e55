"""Problems: what can go wrong for a caller, each a class named in the words of its room.

The first paragraph of the class's docstring is the message people read. The shape on the wire is chosen at the edge:
RFC 9457 for pages and the management API, OpenAI's under /v1 (see `callmissed.foundation.http.errors`).
"""

import inspect
from typing import Any, ClassVar


class Problem(Exception):
    """Something went wrong on our side. It is written down; please try again.

    Subclasses set `status` (HTTP) and `code` (stable, snake case, unique). Keyword arguments become `details`, which
    the caller sees: never put personal data or secrets there.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    catalogue: ClassVar[dict[str, type["Problem"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Enter the class into the catalogue, from which the documentation is checked."""
        super().__init_subclass__(**kwargs)
        known = Problem.catalogue.get(cls.code)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            reason = f"problem code {cls.code!r} is used by {known.__qualname__} and by {cls.__qualname__}"
            raise TypeError(reason)
        Problem.catalogue[cls.code] = cls

    def __init__(self, message: str | None = None, *, retry_after: int | None = None, **details: Any) -> None:
        """`message` replaces the docstring; `retry_after` is in seconds and becomes the header of that name."""
        self.message = message or self.default_message()
        self.retry_after = retry_after
        self.headers: tuple[tuple[bytes, bytes], ...] = ()
        """Further headers of the answer: what a surface tells with everything it says."""
        self.details = details
        super().__init__(self.message)

    @classmethod
    def default_message(cls) -> str:
        """The first paragraph of the docstring, on one line."""
        return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


Problem.catalogue[Problem.code] = Problem


class NotFound(Problem):
    """There is nothing here under that address or id."""

    status = 404
    code = "not_found"


class Unauthenticated(Problem):
    """Sign in first, or send a valid key."""

    status = 401
    code = "unauthenticated"


class Forbidden(Problem):
    """You may not do this here. Ask an owner or admin of your workspace for the permission."""

    status = 403
    code = "forbidden"


class TenantClosed(Problem):
    """This workspace is closed."""

    status = 403
    code = "workspace_closed"


class ProofNeeded(Forbidden):
    """Show first that it is you. This is asked again when the last proof is older than a quarter of an hour."""

    code = "proof_needed"
    typed: tuple[tuple[str, str], ...] = ()
    """What the caller had filled in, name and value: carried on the page itself and kept nowhere."""


class Invalid(Problem):
    """Some of what you sent cannot be used. See the fields named."""

    status = 422
    code = "invalid"


class TextUnusable(Invalid):
    """The text holds a character that is no text, such as a NUL. Remove it, then send it again."""

    code = "text_unusable"


class ContentKindUnknown(Problem):
    """This address takes another kind of content. See what its Content-Type may be."""

    status = 415
    code = "content_kind_unknown"


class Malformed(Problem):
    """The request cannot be read: it is not valid JSON, or not valid UTF-8."""

    status = 400
    code = "malformed"


class TooLarge(Problem):
    """The request is larger than we accept here."""

    status = 413
    code = "too_large"


class TooManyRequests(Problem):
    """Too many requests in a short time. Wait a moment and try again."""

    status = 429
    code = "too_many_requests"


class CrossSite(Problem):
    """This request came from another website, so it was not carried out."""

    status = 403
    code = "cross_site"


class UnknownHost(Problem):
    """This server does not answer under that host name."""

    status = 421
    code = "unknown_host"


class Conflict(Problem):
    """This was changed by someone else in the meantime. Reload and try again."""

    status = 409
    code = "conflict"


class Unavailable(Problem):
    """The service is briefly unavailable. Nothing was lost; try again in a moment."""

    status = 503
    code = "unavailable"


class OnceKeyUnusable(Invalid):
    """An Idempotency-Key has 1 to 200 characters."""

    code = "idempotency_key_unusable"


class OnceKeyReused(Conflict):
    """This Idempotency-Key was used for another request within the last 24 hours. Choose a new one for each request."""

    code = "idempotency_key_reused"
