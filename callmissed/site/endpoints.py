"""Routes of the public pages. All are public: they show nothing that belongs to a tenant or a person."""

import csv
import io
import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from callmissed.billing import DEFAULT_PLAN
from callmissed.bots import LOCAL_MODEL
from callmissed.conversations import MESSAGE_LIMIT
from callmissed.foundation import i18n
from callmissed.foundation.http import Router, public, services
from callmissed.foundation.pages import gallery_context, reader_language, render
from callmissed.foundation.problems import NotFound, Unavailable
from callmissed.privacy import Facts, policy_notices
from callmissed.site.demo_firm import DemoFirm
from callmissed.site.notices import NoSuchNotice, notices_in
from callmissed.site.problem_list import problem_groups
from callmissed.site.record import Promised, PublicRecord

router = Router(tags=["site"])
laptop_router = Router(tags=["laptop"])


class NoDemo(NotFound):
    """This installation runs without the demo."""

    code = "no_demo"


class NoRecord(Unavailable):
    """The page cannot say how the promises stand: nothing in this process keeps their record."""

    code = "no_record"


class NoSuchPromise(NotFound):
    """The policy has no promise of that name."""

    code = "no_such_promise"


@router.get("/", access=public())
async def home_page(request: Request) -> Response:
    """The home page: what it does, the latest verdicts with the bad ones first, and prices."""
    record = public_record(request)
    policy, offer = await record.policy(), await record.offer()
    every = [promise for section in policy.sections for promise in section.promises]
    return render(
        request,
        "site/home.html",
        verdicts=telling(every),
        prices=offer.prices,
        free=offer.free,
        has_demo=demo_firm(request) is not None,
    )


@router.get("/privacy", access=public())
async def privacy_page(request: Request, view: str = "") -> Response:
    """The living policy; `?view=text` shows the sentences alone."""
    with i18n.speaking(reader_language(request)):
        policy = await public_record(request).policy()
    return render(request, "site/privacy.html", policy=policy, text_only=view == "text")


@router.get("/privacy/versions", access=public())
async def versions_page(request: Request) -> Response:
    """Every version of the policy: what it changed, from when it applies, and how people came to know."""
    with i18n.speaking(reader_language(request)):
        versions = await public_record(request).versions()
    return render(request, "site/versions.html", versions=versions)


@router.get("/privacy/notices", access=public())
async def notices_page(request: Request) -> Response:
    """Every notice by its name: policy, cookies, security, agreement, deletion, partners, record of processing."""
    code = reader_language(request)
    return render(request, "site/notices.html", documents=notices_in(services(request).get(Facts), code))


@router.get("/privacy/notices/{name}.md", access=public())
async def notice_as_markdown(request: Request, name: str, language: str = "") -> Response:
    """One notice as Markdown, in one of 23 languages. Raises NoSuchNotice."""
    document = _notice(request, name, language)
    return Response(policy_notices.rendered(document, "md"), media_type="text/markdown; charset=utf-8")


@router.get("/privacy/notices/{name}.json", access=public())
async def notice_as_json(request: Request, name: str, language: str = "") -> Response:
    """One notice with the ids that each sentence comes from. Raises NoSuchNotice."""
    document = _notice(request, name, language)
    return Response(policy_notices.rendered(document, "json"), media_type="application/json")


@router.get("/privacy/notices/{name}", access=public())
async def notice_page(request: Request, name: str, language: str = "") -> Response:
    """One notice in one of 23 languages, each sentence beside the verdict of its promise. Raises NoSuchNotice."""
    document = _notice(request, name, language)
    with i18n.speaking(reader_language(request)):
        policy = await public_record(request).policy()
    verdicts = {each.id: each.verdict for section in policy.sections for each in section.promises}
    return render(
        request,
        "site/notice.html",
        document=document,
        documents=notices_in(services(request).get(Facts), document.language),
        in_languages=policy_notices.LANGUAGES,
        verdicts=verdicts,
    )


def _notice(request: Request, name: str, language: str) -> policy_notices.Compiled:
    code = language or reader_language(request)
    if code not in policy_notices.LANGUAGES:
        raise NoSuchNotice
    found = [each for each in notices_in(services(request).get(Facts), code) if each.name == name]
    if not found:
        raise NoSuchNotice
    return found[0]


@router.get("/privacy/evidence/{name}.json", access=public())
async def evidence_document(request: Request, name: str) -> Response:
    """Everything the last check of one promise found, as JSON."""
    promise = await find_promise(request, name)
    body = json.dumps(asdict(promise), default=str, ensure_ascii=False, indent=1)
    return Response(body, media_type="application/json")


@router.get("/privacy/evidence/{name}/proof", access=public())
async def evidence_proof(request: Request, name: str) -> Response:
    """The parts from which a browser verifies the leaf of the last check. Raises NoSuchPromise without one."""
    parts = await public_record(request).proof(name)
    if parts is None:
        raise NoSuchPromise
    return Response(json.dumps(parts, ensure_ascii=False), media_type="application/json")


@router.get("/privacy/evidence/{name}.csv", access=public())
async def evidence_history(request: Request, name: str) -> Response:
    """One line per day: the date and the verdict."""
    promise = await find_promise(request, name)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["day", "verdict"])
    writer.writerows((day.isoformat(), verdict) for day, verdict in promise.history)
    headers = {"Content-Disposition": f'attachment; filename="{promise.id}.csv"'}
    return Response(sheet.getvalue(), media_type="text/csv", headers=headers)


@router.get("/docs", access=public())
async def docs_page(request: Request) -> Response:
    """The first steps with the API and the widget."""
    return render(
        request,
        "site/docs.html",
        base_url=services(request).base_url,
        model=LOCAL_MODEL,
        requests_per_minute=DEFAULT_PLAN.requests_per_minute,
        longest_message=MESSAGE_LIMIT,
    )


@router.get("/docs/problems", access=public())
async def problems_page(request: Request) -> Response:
    """Every problem with its code, where the `type` of an RFC 9457 document points."""
    return render(request, "site/problems.html", groups=problem_groups())


@router.get("/demo", access=public())
async def demo_page(request: Request) -> Response:
    """The invented firm's own website, with our chat on it. Raises NoDemo without one."""
    firm = demo_firm(request)
    if firm is None:
        raise NoDemo
    code = reader_language(request)
    with i18n.speaking(code):
        words = firm.read(code)
    return render(request, "site/demo_firm.html", firm=words, widget_id=firm.widget_id)


@laptop_router.get("/gallery", access=public())
async def gallery_page(request: Request) -> Response:
    """Every part of the kit on one page, for people who build pages."""
    return render(request, "gallery.html", **gallery_context())


async def find_promise(request: Request, name: str) -> Promised:
    """The promise of that id; raises NoSuchPromise."""
    policy = await public_record(request).policy()
    for section in policy.sections:
        for promise in section.promises:
            if promise.id == name:
                return promise
    raise NoSuchPromise


def public_record(request: Request) -> PublicRecord:
    """Who tells these pages the truth; raises NoRecord where the wiring offers nobody."""
    try:
        return services(request).get(PublicRecord)
    except KeyError as missing:
        raise NoRecord from missing


def demo_firm(request: Request) -> DemoFirm | None:
    """The demo's firm, or None where the wiring offers none."""
    try:
        return services(request).get(DemoFirm)
    except KeyError:
        return None


def telling(every: list[Promised], limit: int = 5) -> list[Promised]:
    """The promises the home page shows: what is not kept always comes in, then kept ones, in the policy's order."""
    bad = [promise for promise in every if promise.verdict != "kept"][: limit - 2]
    good = [promise for promise in every if promise.verdict == "kept"][: limit - len(bad)]
    chosen = {promise.id for promise in (*bad, *good)}
    return [promise for promise in every if promise.id in chosen]
