"""The kit in a real browser: nothing breaks the security policy, nothing is cut, and everything works from the keyboard."""

from collections.abc import Iterator

import pytest

from tests.browser.stage import PAGES, Stage, Theme, overflow, stage


@pytest.fixture(scope="module")
def shown() -> Iterator[Stage]:
    """The stage, once for this file."""
    with stage() as made:
        yield made


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("width", "theme", "language"), [(1440, "light", "en"), (390, "dark", "hi"), (320, "light", "en")]
)
def test_page_is_clean_and_fits(shown: Stage, name: str, width: int, theme: Theme, language: str) -> None:
    with shown.page(name, width=width, theme=theme, language=language) as (page, wrong):
        assert wrong == []
        assert overflow(page) <= 0
        assert page.locator("h1").count() == 1


@pytest.mark.parametrize("name", ["privacy", "home", "app"])
def test_text_at_twice_its_size_is_not_cut(shown: Stage, name: str) -> None:
    with shown.page(name, width=1280) as (page, _):
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert overflow(page) <= 0


def test_theme_follows_the_system_until_chosen_and_is_remembered(shown: Stage) -> None:
    with shown.page("home", theme="dark") as (page, _):
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click("[data-theme-switch]")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark, light) == ("rgb(19, 21, 28)", "rgb(255, 255, 255)")
        page.reload()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_drawer_opens_closes_on_escape_and_gives_focus_back(shown: Stage) -> None:
    with shown.page("gallery") as (page, _):
        page.focus("[data-open=g-drawer]")
        page.keyboard.press("Enter")
        assert page.locator("#g-drawer").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#g-drawer").is_visible()
        assert page.evaluate("document.activeElement.dataset.open") == "g-drawer"


def test_word_must_match_before_anything_is_erased(shown: Stage) -> None:
    with shown.page("gallery", language="hi") as (page, _):
        button = page.locator("form .cm-btn.is-danger")
        assert button.is_disabled()
        page.fill("[data-word]", "ERASE")
        assert button.is_disabled()
        page.fill("[data-word]", "मिटाएँ")
        assert button.is_enabled()


def test_shortcuts_jump_and_are_off_while_typing(shown: Stage) -> None:
    with shown.page("app") as (page, _):
        page.keyboard.press("?")
        assert page.locator("#cm-help").is_visible()
        page.keyboard.press("Escape")
        page.locator("#cm-help").wait_for(state="hidden")
        page.keyboard.press("Control+k")
        page.locator("#cm-jump").wait_for()
        page.keyboard.type("gu")
        assert page.url.endswith("/app?lang=en")
        page.keyboard.press("Escape")
        page.locator("#cm-jump").wait_for(state="hidden")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for _ in range(3):  # the second letter has a second and a half, which a busy machine can miss
            page.keyboard.type("gu")
            page.wait_for_timeout(500)
            if any(url.endswith("/app/usage") for url in asked):
                return
        pytest.fail(f"nothing led to the usage page: {asked}")


def test_menu_shows_the_sidebar_on_a_telephone(shown: Stage) -> None:
    with shown.page("app", width=390, has_touch=True) as (page, _):
        assert not page.locator(".cm-side").is_visible()
        page.click("[data-side]")
        assert page.locator(".cm-side").is_visible()
        small = page.evaluate(
            "Array.from(document.querySelectorAll('.cm-side .item, .cm-top .cm-btn')).filter(e => e.getClientRects().length"
            " && e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))"
        )
        assert small == []


def test_policy_goes_to_the_next_promise_that_is_not_kept(shown: Stage) -> None:
    with shown.page("privacy") as (page, _):
        page.keyboard.press("n")
        assert page.evaluate("document.activeElement.closest('details').id") == "store.india"
        page.keyboard.press("n")
        assert page.evaluate("document.activeElement.closest('details').id") == "safe.backups"


def test_policy_reads_and_unfolds_without_script(shown: Stage) -> None:
    with shown.page("privacy", script=False) as (page, _):
        assert page.locator("#keep\\.usage-logs .cm-evidence").is_hidden()
        page.click("#keep\\.usage-logs > summary")
        assert page.locator("#keep\\.usage-logs .cm-evidence").is_visible()
        assert page.locator("[data-theme-switch]").is_hidden()


def test_code_is_one_field_drawn_as_six(shown: Stage) -> None:
    with shown.page("focus") as (page, _):
        page.keyboard.type("407215")
        field = page.locator("input[autocomplete=one-time-code]")
        assert field.input_value() == "407215"
        assert page.locator("input[name=code]").count() == 1
        assert page.evaluate("document.querySelector('.cm-code').scrollLeft") == 0
