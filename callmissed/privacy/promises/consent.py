"""Promises on consent and cookies (Policy §7, §8), checked by walking through every page as a browser would."""

from callmissed.foundation.i18n import COOKIE
from callmissed.privacy.promises.engine import Finding, Look, judge, promise, require

_ = str

COOKIES = {
    "cm_session": _("keeps you signed in"),
    "__Host-cm_session": _("keeps you signed in"),
    "cm_sign_in": _("ties a code to the browser that asked for it"),
    "__Host-cm_sign_in": _("ties a code to the browser that asked for it"),
    "cm_step": _("ties a passkey, a second step or a provider's answer to the browser that was asked"),
    "__Host-cm_step": _("ties a passkey, a second step or a provider's answer to the browser that was asked"),
    "cm_known": _("tells your browser from a stranger's, so that nobody locks you out by guessing"),
    "__Host-cm_known": _("tells your browser from a stranger's, so that nobody locks you out by guessing"),
    COOKIE: _("remembers your language"),
}
"""Every cookie we may set, and what for."""

Walk = dict[str, list[str]]


@promise(
    "consent.quality",
    7,
    _(
        "When we need your consent we ask plainly, for one thing at a time, and never with a box already ticked."
    ),
    asks=["pages.crawl"],
    every_minutes=15,
)
async def quality(look: Look) -> Finding:
    """No rendered form has a ticked box."""
    walk: Walk = look.ask("pages.crawl")
    ticked = walk["ticked"]
    require(walk["forms"], "pages.crawl")
    return judge(
        not ticked,
        {
            "pages": len(walk["pages"]),
            "forms": len(walk["forms"]),
            "ticked": len(ticked),
            "names": ", ".join(ticked[:3]),
        },
        kept=_("0 ticked boxes in %(forms)s forms on %(pages)s pages"),
        broken=_("%(ticked)s pages with a box already ticked"),
        explanation=_(
            "A form comes with its box ticked: %(names)s. The box is emptied; consents given there do not count."
        ),
        looked_at=_(
            "Every form on every page, as it is sent to a browser: is any box ticked before you touch it?"
        ),
        found=[{_("page"): page, _("box ticked"): page in ticked} for page in walk["forms"]],
    )


@promise(
    "cookies.essential",
    8,
    _("We set cookies for signing in and for your language. Nothing else."),
    asks=["pages.crawl"],
    every_minutes=15,
)
async def essential(look: Look) -> Finding:
    """Cookies set by a walk over every page are within the declared list."""
    walk: Walk = look.ask("pages.crawl")
    cookies = walk["cookies"]
    extra = [name for name in cookies if name not in COOKIES]
    require(walk["pages"], "pages.crawl")
    return judge(
        not extra,
        {
            "pages": len(walk["pages"]),
            "cookies": len(cookies),
            "undeclared": len(extra),
            "names": ", ".join(extra),
        },
        kept=_("%(pages)s pages set %(cookies)s cookies, all of them declared"),
        broken=_("%(undeclared)s cookies we did not declare"),
        explanation=_(
            "Undeclared: %(names)s. They are removed, or declared and explained, before anything else ships."
        ),
        looked_at=_("Every public page, fetched as a new visitor: which cookies does it set?"),
        found=[{_("cookie"): name, _("what for"): COOKIES.get(name, "?")} for name in cookies],
    )


@promise(
    "cookies.no-ads",
    8,
    _("No advertising cookie, and no page of ours calls another company."),
    asks=["pages.crawl"],
    every_minutes=15,
)
async def no_ads(look: Look) -> Finding:
    """No page names a resource of another origin, and its security policy forbids the browser to load one."""
    walk: Walk = look.ask("pages.crawl")
    foreign, unguarded = walk["foreign"], walk["unguarded"]
    found = [{_("page"): page, _("wrong"): verdict_on(page, walk)} for page in walk["pages"]]
    require(walk["pages"], "pages.crawl")
    return judge(
        not foreign and not unguarded,
        {
            "pages": len(walk["pages"]),
            "foreign": len(foreign),
            "unguarded": len(unguarded),
            "names": ", ".join((foreign + unguarded)[:3]),
        },
        kept=_("0 requests to others on %(pages)s pages"),
        broken=_("%(foreign)s requests to other companies, %(unguarded)s pages that would allow one"),
        explanation=_("Something may be loaded from elsewhere: %(names)s. It is removed now."),
        looked_at=_(
            "Every page: does it name a script, picture, font, form or frame from elsewhere,"
            " and does its security policy forbid them?"
        ),
        found=found,
    )


def verdict_on(page: str, walk: Walk) -> str:
    """What is wrong with one page, or a dash."""
    if page in walk["foreign"]:
        return _("names another site")
    return _("does not forbid other sites") if page in walk["unguarded"] else "–"
