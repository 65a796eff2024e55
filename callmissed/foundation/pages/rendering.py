"""Turn a template and what it needs into a reply."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from callmissed.foundation import i18n
from callmissed.foundation.pages import drawings, figures
from callmissed.foundation.pages.assets import Assets

PACKAGE = Path(__file__).resolve().parent.parent.parent
YEAR = 365 * 24 * 3600


class Pages:
    """The templates and static files of the foundation and the given rooms; one per process, built in the wiring.

    `install(app)` mounts the static files; `render` finds the object at `request.app.state.pages`.
    """

    def __init__(self, rooms: list[str], *, production: bool = True) -> None:
        """`rooms` are names such as "site"; a room without templates or static files is fine."""
        places = [PACKAGE / "foundation" / "pages", *(PACKAGE / room for room in rooms)]
        self.production = production
        self.assets = Assets([p / "static" for p in places if (p / "static").is_dir()])
        self.environment = Environment(
            loader=FileSystemLoader([p / "templates" for p in places if (p / "templates").is_dir()]),
            autoescape=True,
            optimized=False,  # folding constants would freeze `134|duration` in the language of the first reader
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=not production,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )
        self._teach(self.environment)

    def install(self, app: Any) -> None:
        """Attach to a FastAPI or Starlette application: static files and `app.state.pages`."""
        app.state.pages = self
        app.mount("/static", self.assets, name="static")

    def _teach(self, environment: Environment) -> None:
        """Give templates their words, figures, drawings and the kit."""
        speech: Any = environment
        speech.install_gettext_callables(i18n.t, i18n.plural, newstyle=True)
        known: dict[str, Any] = speech.globals
        known["t"] = known["gettext"]
        known["nt"] = known["ngettext"]
        known["language"] = i18n.language
        known["languages"] = i18n.LANGUAGES
        known["static"] = self.assets.url
        known["icon"] = self.icon
        speech.filters.update(figures.FILTERS)
        known.update(drawings.DRAWINGS)
        known["kit"] = environment.get_template("kit.html").module

    def icon(self, name: str, *, small: bool = False) -> Markup:
        """An outline icon of the sprite; drawn in the colour of the text beside it, silent to screen readers."""
        size = " is-small" if small else ""
        address = self.assets.url("vendor/tabler-icons/sprite.svg")
        return Markup('<svg class="cm-ic{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
            size, address, name
        )

    def text(self, template: str, **context: Any) -> str:
        """The template as text, in the language being spoken now (see `i18n.speaking`)."""
        return self.environment.get_template(template).render(**context)


def reader_language(request: Request) -> str:
    """The language this reader gets: asked for with `?lang=`, remembered in a cookie, or accepted by the browser."""
    wishes = request.headers.get("accept-language")
    return i18n.choose(request.query_params.get("lang"), request.cookies.get(i18n.COOKIE), wishes)


def render(request: Request, template: str, status_code: int = 200, **context: Any) -> Response:
    """The template as an HTML reply, in the reader's language; remembers a language asked for with `?lang=`."""
    pages: Pages = request.app.state.pages
    asked = request.query_params.get("lang")
    code = reader_language(request)
    with i18n.speaking(code):
        body = pages.text(template, request=request, **context)
    reply = HTMLResponse(body, status_code=status_code)
    reply.headers["Content-Language"] = code
    reply.headers["Vary"] = "Accept-Language, Cookie"
    reply.headers.setdefault("Cache-Control", "no-store" if "cookie" in request.headers else "no-cache")
    if asked in i18n.LANGUAGES:
        secure = request.url.scheme == "https"
        reply.set_cookie(i18n.COOKIE, asked, max_age=YEAR, httponly=True, samesite="lax", secure=secure)
    return reply
