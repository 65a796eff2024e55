"""Pages: Jinja templates, the design kit, static files and the security headers that keep them honest.

A page is `render(request, "keys/list.html", keys=keys)`. Templates of a room live in `<room>/templates/<room>/`, its static
files in `<room>/static/<room>/`. Every template has the macros of `kit.html` as `kit`, translations as `t` and
`{% trans %}`, static URLs as `static("theme.css")`, and refuses names it was not given (StrictUndefined).
"""

from callmissed.foundation.pages.assets import Assets
from callmissed.foundation.pages.gallery import gallery_context
from callmissed.foundation.pages.headers import content_security_policy, security_headers
from callmissed.foundation.pages.rendering import Pages, reader_language, render

__all__ = [
    "Assets",
    "Pages",
    "content_security_policy",
    "gallery_context",
    "reader_language",
    "render",
    "security_headers",
]
