"""Invented data to photograph pages with: no person, firm or figure here is real."""

from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from callmissed.dashboard.rooms import all_rooms
from callmissed.foundation import clock, i18n
from callmissed.foundation.money import Micro
from callmissed.site import (
    Collected,
    Counts,
    DemoFirm,
    Entity,
    Leaf,
    Officer,
    Policy,
    Price,
    Promised,
    Section,
)
from callmissed.site.record import Verdict

DEMO = Path(__file__).resolve().parents[2] / "callmissed" / "app" / "demo"
Day = tuple[date, Verdict]


def year(*bad: tuple[int, Verdict], age: int = 365) -> list[Day]:
    """`age` days of kept promises up to today, except (days ago, verdict)."""
    exceptions = dict(bad)
    today = clock.today()
    return [(today - timedelta(days=n), exceptions.get(n, "kept")) for n in range(age, -1, -1)]


def promise(name: str, sentence: str, headline: str, **more: Any) -> Promised:
    """One promise as the policy page gets it."""
    kept: dict[str, Any] = {
        "clause": "1",
        "verdict": "kept",
        "checked_at": clock.now() - timedelta(seconds=12),
        "looked_at": "We count the rows that would break this promise, in every place that could hold one.",
        "query": None,
        "found": [],
        "explanation": "",
        "audit": Leaf("184022", 30671, clock.now() - timedelta(seconds=40), provable=True),
        "seen_failing": "on purpose, in the tests of this version",
        "history": year(),
    }
    return Promised(**{**kept, "id": name, "sentence": sentence, "headline": headline, **more})


def where_it_is_kept() -> list[Promised]:
    """Three promises, none of them good news."""
    return [
        promise(
            "store.india",
            "We store and process personal data in India, unless we have told you otherwise in writing.",
            "6 of 7 services answered from India; the mail service has been silent since 18:52.",
            verdict="unknown",
            history=year((0, "unknown"), (90, "unknown")),
            explanation="The mail service has not answered since 18:52, so we cannot see where it runs. We ask every minute.",
        ),
        promise(
            "safe.backups",
            "We take a backup every day and practise restoring it every week.",
            "The last good practice run was 8 days ago; we promise 7.",
            verdict="broken",
            history=year((0, "broken"), (150, "broken")),
            explanation="The practice run of 22 November stopped because its disk was full. The backups are complete: the "
            "newest is 3 hours old. Nobody is affected: no personal data was lost or seen by anyone.\n\nA new run began at "
            "19:05 IST and should end by 20:10. This mark changes by itself when it succeeds.",
            found=[{"backup": "base", "taken": "23 Nov", "restored": "15 Nov", "days": 8}],
        ),
        promise(
            "ours.staff",
            "Everyone who works for us has promised confidentiality in writing.",
            "Not yet checked",
            verdict="unknown",
            audit=None,
            seen_failing=None,
            history=[],
            checked_at=None,
            looked_at="",
            explanation="Not yet checked: no program looks at this so far.",
        ),
    ]


def usage_logs() -> Promised:
    """A promise with its whole evidence."""
    return promise(
        "keep.usage-logs",
        "Usage logs are kept for at most 90 days. After that, nothing in them points to you.",
        "The oldest is 89 days old; none is past the limit.",
        history=year((70, "broken")),
        looked_at="We find the oldest usage row that still points to a person. One older than 90 days breaks this promise.",
        query="select store, max(age) as oldest,\n  count(*) filter (where age > '90 days') as late\n"
        "from identifiable_usage group by store",
        found=[
            {"store": "usage_record", "rows": 6120447, "oldest": "89 d 21 h", "late": 0},
            {"store": "access_log", "rows": 1408213, "oldest": "89 d 20 h", "late": 0},
        ],
    )


def promises() -> list[Section]:
    """The sections of a policy with one broken and two unknown promises."""
    partition = "Your messages, calls and files stay in your own partition. No other business can reach them."
    training = "What you write or say is never used to train anyone's AI."
    consent = "Taking back your consent is as easy as giving it."
    collected = [
        promise("store.isolated", partition, "0 rows visible to the test business, of 2,14,06,118"),
        promise(
            "use.no-training",
            training,
            "9 of 9 model suppliers have a no-training contract",
            history=year(age=200),
        ),
    ]
    return [
        Section(1, "What we collect", collected),
        Section(3, "Where it is kept, and how safely", where_it_is_kept()),
        Section(5, "How long we keep it", [usage_logs()]),
        Section(6, "Your rights", [promise("rights.withdraw", consent, "2 steps to give, 2 to take back")]),
    ]


def policy() -> dict[str, Any]:
    """The context of privacy.html."""
    kept: dict[str, Any] = {
        "category": "contact point",
        "data": "E-mail address",
        "purposes": ["sign-in", "security notices"],
    }
    return {
        "text_only": False,
        "policy": Policy(
            version="7",
            effective_on=date(2026, 6, 4),
            updated_on=date(2026, 6, 4),
            counts=Counts(kept=4, broken=1, unknown=2),
            checked_at=clock.now() - timedelta(seconds=12),
            sections=promises(),
            collected=[
                Collected(**kept, ground="contract", kept="while the account lives, then 30 days"),
                Collected(
                    category="conversation",
                    data="Messages, voice and files",
                    purposes=["answering your customers"],
                    ground="contract",
                    kept="12 months, or as you set it",
                ),
            ],
            entity=Entity(
                name="Sample Installation Pvt. Ltd.",
                address="4 Namuna House, Law College Road, Pune 411004",
                cin="U62099MH2025PTC000000",
                gstin="27AAAAA0000A1Z2",
            ),
            grievance_officer=Officer(
                name="Asha Namuna",
                email="grievance@sample.example",
                address="Same office, Mon to Sat, 10:00 to 18:00 IST",
            ),
        ),
    }


def shell() -> SimpleNamespace:
    """What the workspace layout needs."""
    return SimpleNamespace(
        workspace="Thandi Hawa Service",
        workspace_detail="Pune · Owner",
        user="Nandini Kale",
        user_handle="n•••@thandihawa.example",
        waiting=7,
        wallet=18462350000,
        tally=SimpleNamespace(kept=53, broken=0, unknown=2),
        rooms=all_rooms(),
        glass=[SimpleNamespace(id="01a20d76-c7f9-7000-be4c-d2e27f85b4d9", opened_at=moment(hours=3))],
        policy_change=SimpleNamespace(number=3, effective_at=moment(hours=3)),
        reminded=True,
    )


def moment(**ago: float) -> datetime:
    """A time so long ago."""
    return clock.now() - timedelta(**ago)


def home() -> dict[str, Any]:
    """The context of home.html."""
    chosen = [
        promises()[0].promises[1],
        promises()[2].promises[0],
        promises()[1].promises[1],
        promises()[1].promises[0],
    ]
    return {
        "verdicts": chosen,
        "prices": [
            Price("Chat, small model", "10 lakh tokens in", Micro(85000000)),
            Price("Speech to text", "one hour", Micro(30000000)),
            Price("Text to speech", "10,000 letters", Micro(15000000)),
        ],
        "free": 100000000,
        "has_demo": True,
    }


def demo_firm() -> dict[str, Any]:
    """The context of demo_firm.html."""
    return {"widget_id": None, "firm": DemoFirm(DEMO).read(i18n.language())}
