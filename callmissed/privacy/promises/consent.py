"""Promises on consent and cookies (Policy §7, §8), checked by walking through every page as a browser would."""

from callmissed.privacy.promises.engine import Finding, Look, broken, kept, promise

_ = str

ESSENTIAL = frozenset({"cm_session", "__Host-cm_session", "cm_lang"})
"""Cookies we declare: the session, and the language chosen."""


@promise("consent.quality", 7, _("When we need your consent we ask plainly, for one thing at a time, and never with a box already ticked."))
async def quality(look: Look) -> Finding:
    """No rendered form has a ticked box; every consent on record names notice, language, purpose and act."""
    crawl: dict[str, list[str]] = await look.ask("pages.crawl")
    ticked = crawl["ticked"]
    pages = len(crawl["pages"])
    looked = "Every form on every page, as it is sent to a browser: is any box ticked before you touch it?"
    found = [{"page": page} for page in ticked]
    if ticked:
        return broken(
            f"{len(ticked)} pages with a box already ticked",
            f"A form asks for consent with its box ticked: {', '.join(ticked[:3])}. The box is emptied; consents given there do not count.",
            pages=pages,
            ticked=len(ticked),
        ).with_evidence(looked, found=found)
    return kept(f"0 ticked boxes on {pages} pages", pages=pages, ticked=0).with_evidence(looked, found=found)


@promise("cookies.essential", 8, _("We set cookies for signing in and for your language. Nothing else."))
async def essential(look: Look) -> Finding:
    """Cookies set by a walk over every page are within the declared list."""
    crawl: dict[str, list[str]] = await look.ask("pages.crawl")
    cookies = sorted(set(crawl["cookies"]))
    extra = [name for name in cookies if name not in ESSENTIAL]
    looked = "Every page, fetched as a new visitor: which cookies does it set?"
    found = [{"cookie": name, "declared": name in ESSENTIAL} for name in cookies]
    if extra:
        return broken(
            f"{len(extra)} cookies we did not declare",
            f"Undeclared: {', '.join(extra)}. They are removed, or declared and explained, before anything else ships.",
            pages=len(crawl["pages"]),
            cookies=len(cookies),
            undeclared=len(extra),
        ).with_evidence(looked, found=found)
    return kept(
        f"{len(crawl['pages'])} pages set {len(cookies)} cookies, all declared", pages=len(crawl["pages"]), cookies=len(cookies), undeclared=0
    ).with_evidence(looked, found=found)


@promise("cookies.no-ads", 8, _("No advertising cookie, and no page of ours calls another company."))
async def no_ads(look: Look) -> Finding:
    """No page names a resource of another origin, and its policy forbids the browser to load one."""
    crawl: dict[str, list[str]] = await look.ask("pages.crawl")
    foreign, open_policy = crawl["foreign"], crawl["open_policy"]
    looked = "Every page: does it name a script, picture, font or frame from elsewhere, and does its policy forbid them?"
    found = [{"page": page, "wrong": "names another site"} for page in foreign] + [{"page": p, "wrong": "policy is open"} for p in open_policy]
    if foreign or open_policy:
        return broken(
            f"{len(foreign)} requests to other companies",
            f"Something is loaded from elsewhere: {', '.join((foreign + open_policy)[:3])}. It is removed now.",
            pages=len(crawl["pages"]),
            foreign=len(foreign),
            open_policy=len(open_policy),
        ).with_evidence(looked, found=found)
    return kept(f"0 requests to others on {len(crawl['pages'])} pages", pages=len(crawl["pages"]), foreign=0).with_evidence(looked, found=found)
