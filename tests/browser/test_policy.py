"""The living policy in a real browser, on a running installation: verdicts, evidence, proof; without script, and in Hindi."""

import re

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from callmissed.foundation import audit
from callmissed.foundation.services import Services
from callmissed.privacy import check_all
from callmissed.privacy.checking import keep_results
from callmissed.privacy.promises import ORDER, promises
from callmissed.privacy.promises.consent import COOKIES

pytestmark = [pytest.mark.database, pytest.mark.browser]

CHECKED = [each for each in promises() if each.check]


@pytest.fixture(scope="module")
async def policy(live_services: Services, live_server: str) -> str:
    """The address of the policy, once every promise was checked and the leaves of what was found are sealed."""
    await keep_results(live_services, await check_all(live_services))
    await audit.seal_all(live_services.db)
    return f"{live_server}/privacy"


def at(name: str) -> str:
    """The selector of one promise."""
    return f'details[id="{name}"]'


async def test_over_http_every_sentence_has_its_verdict_and_evidence(policy: str) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        page = (await client.get(policy)).text
        for each in CHECKED:
            part = page.split(f'id="{each.id}"')[1].split("</details>")[0]
            assert "not yet checked" not in part, each.id
            assert "%(" not in part, f"{each.id}: a figure is missing"
            document = (await client.get(f"{policy}/evidence/{each.id}.json")).json()
            assert document["verdict"] in {"kept", "broken", "unknown"}
            assert document["figures"] or document["verdict"] == "unknown"
            history = (await client.get(f"{policy}/evidence/{each.id}.csv")).text.splitlines()
            assert history[0] == "day,verdict"
            assert re.fullmatch(r"\d{4}-\d\d-\d\d,(kept|broken|unknown)", history[-1])
            proof = (await client.get(f"{policy}/evidence/{each.id}/proof")).json()
            assert proof["record"]["body"]["promise"] == each.id
        for name in set(ORDER) - {each.id for each in CHECKED}:
            part = page.split(f'id="{name}"')[1].split("</details>")[0]
            assert "not yet checked" in part
            assert "Cannot tell" in part
            assert (await client.get(f"{policy}/evidence/{name}/proof")).status_code == 404
        assert (await client.get(f"{policy}/evidence/no.such.json")).status_code == 404


async def test_the_evidence_opens_and_the_leaf_verifies_in_this_browser(page: Page, policy: str) -> None:
    await page.goto(policy)
    assert await page.locator("details.cm-promise[id]").count() == len(ORDER)
    drawer = page.locator(at("collect.account"))
    await expect(drawer.get_by_text("What we look at")).to_be_hidden()
    await drawer.locator("summary").click()
    await expect(drawer.get_by_text("What we look at")).to_be_visible()
    await expect(drawer.locator("table")).to_contain_text("user_account.email")
    await drawer.locator("[data-verify]").click()
    await expect(drawer.locator("output")).to_contain_text("hashes and the signature match")


async def test_every_checked_promise_verifies(page: Page, policy: str) -> None:
    await page.goto(policy)
    await page.keyboard.press("o")
    for each in CHECKED:
        drawer = page.locator(at(each.id))
        await drawer.locator("[data-verify]").click()
        await expect(drawer.locator("output")).to_contain_text("the signature match")


async def test_n_walks_through_what_is_not_kept(page: Page, policy: str) -> None:
    await page.goto(policy)
    bad = await page.eval_on_selector_all(
        ".cm-promise.is-broken, .cm-promise.is-unknown", "all => all.map(each => each.id)"
    )
    assert "right.erase" in bad
    for name in bad[:4]:
        await page.keyboard.press("n")
        focused = await page.evaluate("document.activeElement.closest('.cm-promise').id")
        assert focused == name
        await expect(page.locator(at(name))).to_have_attribute("open", "")


async def test_only_declared_cookies_are_set(page: Page, policy: str) -> None:
    for path in ("", "?lang=hi", "?view=text"):
        await page.goto(f"{policy}{path}")
    await page.goto(policy.replace("/privacy", "/sign-in"))
    set_by_us = {cookie.get("name") for cookie in await page.context.cookies()}
    assert set_by_us <= set(COOKIES)


@pytest.mark.parametrize("width", [1280, 390])
async def test_hindi_has_no_english_sentence_and_fits(page: Page, policy: str, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    await page.goto(f"{policy}?lang=hi")
    said = await page.locator(".cm-promise[id] .said").all_inner_texts()
    assert len(said) == len(ORDER)
    assert [sentence for sentence in said if not re.search("[\u0900-\u097f]", sentence)] == []
    headlines = await page.locator(".cm-promise[id] .headline").all_inner_texts()
    assert [line for line in headlines if not re.search("[\u0900-\u097f]", line)] == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_it_can_be_read_without_script(browser: Browser, policy: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    try:
        page = await context.new_page()
        await page.goto(policy)
        drawer = page.locator(at("safe.hashed-secrets"))
        await expect(drawer.locator(".said")).to_contain_text("We keep no password")
        if await drawer.get_attribute("open") is None:
            await drawer.locator("summary").click()
        await expect(drawer.get_by_text("What we found")).to_be_visible()
        await expect(drawer.get_by_text("Every day as CSV")).to_be_visible()
    finally:
        await context.close()
