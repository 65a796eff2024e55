"""Photograph pages with sample data: `python -m tests.browser.shoot <folder> [page ...]`.

Starts the real templates behind a small application with the real security headers, and reports every request that left
the origin and every breach of the content security policy.
"""

import sys
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmissed.foundation import i18n
from callmissed.foundation.pages import Pages, gallery_context, render, security_headers
from callmissed.foundation.problems import NotFound
from tests.browser import samples

PORT = 8917
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
VIEWS = {
    "light": (1440, "light", "en"),
    "dark": (1440, "dark", "en"),
    "narrow": (390, "light", "en"),
    "hindi": (1440, "light", "hi"),
    "narrow-hindi-dark": (390, "dark", "hi"),
}
PAGES = {
    "gallery": ("gallery.html", gallery_context),
    "privacy": ("site/privacy.html", samples.policy),
    "home": ("site/home.html", samples.home),
    "demo": ("site/demo_firm.html", samples.demo_firm),
    "app": ("tests/app.html", lambda: {"shell": samples.shell(), "active": "keys"}),
    "problem": ("problem.html", lambda: {"problem": NotFound()}),
    "focus": ("tests/focus.html", lambda: {"promise": samples.promises()[0].promises[0]}),
}


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
    pages.environment.loader.searchpath.append(str(Path(__file__).parent / "templates"))  # pyright: ignore
    pages.install(app)
    return app


def look_at(browser: Browser, name: str, view: str, folder: Path) -> list[str]:
    """Take one picture; returns what went wrong."""
    width, theme, language = VIEWS[view]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # pyright: ignore
    page: Page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda failure: wrong.append(str(failure)))
    page.on("request", lambda sent: wrong.append(f"left: {sent.url}") if f":{PORT}/" not in sent.url and not sent.url.startswith("data:") else None)
    page.goto(f"http://127.0.0.1:{PORT}/{name}?lang={language}")
    page.wait_for_load_state("networkidle")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append(f"wider than the window: {page.evaluate('document.documentElement.scrollWidth')}")
    page.screenshot(path=folder / f"{name}-{view}.png", full_page=True)
    context.close()
    return [f"{name} {view}: {text}" for text in wrong]


def main() -> None:
    """Photograph the pages asked for (all by default) in every view."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [word for word in sys.argv[2:] if word in PAGES] or list(PAGES)
    views = [word for word in sys.argv[2:] if word in VIEWS] or list(VIEWS)
    server = uvicorn.Server(uvicorn.Config(application(), port=PORT, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in wanted:
            for view in views:
                for line in look_at(browser, name, view, folder):
                    print(line)
        browser.close()
    server.should_exit = True


if __name__ == "__main__":
    main()
