"""A stage for pages: the real templates with sample data and the real security headers, in a real browser."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import uvicorn
from jinja2 import ChoiceLoader, FileSystemLoader
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmissed.foundation import i18n
from callmissed.foundation.pages import Pages, gallery_context, render, security_headers
from callmissed.foundation.problems import NotFound
from tests.browser import samples

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "gallery": ("gallery.html", gallery_context),
    "privacy": ("site/privacy.html", samples.policy),
    "text": ("site/privacy.html", lambda: {**samples.policy(), "text_only": True}),
    "home": ("site/home.html", samples.home),
    "demo": ("site/demo_firm.html", samples.demo_firm),
    "app": ("tests/app.html", lambda: {"shell": samples.shell(), "active": "keys"}),
    "problem": ("problem.html", lambda: {"problem": NotFound()}),
    "focus": ("tests/focus.html", lambda: {"promise": samples.promises()[0].promises[0]}),
}

Theme = Literal["light", "dark"]


class Stage(SimpleNamespace):
    """A running application and a browser in front of it."""

    url: str
    browser: Browser

    @contextmanager
    def page(
        self,
        name: str,
        *,
        width: int = 1440,
        theme: Theme = "light",
        language: str = "en",
        script: bool = True,
        **more: Any,
    ) -> Iterator[tuple[Page, list[str]]]:
        """A page opened, and the list of what went wrong with it: errors, broken policy, requests that left the origin."""
        size: ViewportSize = {"width": width, "height": 900}
        context = self.browser.new_context(
            viewport=size,
            color_scheme=theme,
            java_script_enabled=script,
            **more,
        )
        page = context.new_page()
        wrong: list[str] = []
        page.on(
            "console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda failure: wrong.append(str(failure)))
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((self.url, "data:")) else wrong.append(sent.url),
        )
        page.goto(f"{self.url}/{name}?lang={language}")
        page.wait_for_load_state("networkidle")
        yield page, wrong
        context.close()


def application() -> Starlette:
    """The pages named above, each at `/<name>`."""

    async def show(request: Request) -> Response:
        template, context = PAGES[request.path_params["name"]]
        with i18n.speaking(request.query_params.get("lang", "en")):
            filled = context()
        reply = render(request, template, **filled)
        reply.headers.update(security_headers())
        return reply

    app = Starlette(routes=[Route("/{name}", show)])
    pages = Pages(["site"], production=False)
    own = FileSystemLoader(Path(__file__).parent / "templates")
    pages.environment.loader = ChoiceLoader([loader for loader in (pages.environment.loader, own) if loader])
    pages.install(app)
    return app


@contextmanager
def stage() -> Iterator[Stage]:
    """Serve the application on a free port of this machine, with a browser."""
    server = uvicorn.Server(uvicorn.Config(application(), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            yield Stage(url=f"http://127.0.0.1:{port}", browser=browser)
            browser.close()
    finally:
        server.should_exit = True
        thread.join(timeout=5)


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
