"""A workspace in which every page about people, keys and doors has something to show, and the addresses of those pages."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from callmissed.billing import KeyBudget, Ledger, Usage, grant
from callmissed.foundation import clock, directory
from callmissed.foundation.audit import seal_all
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import RUPEE, rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import batch_files, batch_runs, file_name
from callmissed.identity import (
    KeyLimits,
    alerts,
    create_key,
    custom_roles,
    leaving,
    list_keys,
    otp,
    revoke_key,
    rotation,
    service_accounts,
    sessions,
    staff,
    ways_in,
)
from tests.support.closing import Firm, firm_at_work
from tests.support.mailbox import newest_letter
from tests.support.people import invite, link_to, member_id_of, standing, teammate_of, workspace_of_someone
from tests.support.staff import asked, glass, staff_member

DEVICES = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
)
LONG_NAME = "Asha-Kulkarnis-telephone-behind-the-counter-in-the-Camp-shop"
"""As long as a factor may be called."""

NARROWED = KeyLimits(
    requests_per_minute=120,
    monthly_budget=rupees("3000"),
    models=("local/*", "sarvam/*"),
    origins=("https://namuna-repairs-and-spares.example", "https://shop.namuna.example"),
)


USUAL: dict[str, Any] = {
    "endpoint": "chat.completions", "model": "local/extractive", "upstream": "local", "region": "IN", "status": "ok",
    "http_status": 200, "tokens_in": 4_120, "tokens_out": 1_860, "price_in_micro": 85 * RUPEE,
    "price_out_micro": 210 * RUPEE, "admit_us": 400, "reserve_us": 1_600, "first_token_ms": 204, "latency_ms": 1_620,
}  # fmt: skip
MADE: tuple[dict[str, Any], ...] = (
    {},
    {"model": "sarvam/sarvam-m", "upstream": "sarvam", "region": "IN Mumbai", "latency_ms": 4_900},
    {"endpoint": "playground", "key_id": None, "streamed": True},
    {"model": "a-supplier-with-a-long-name/a-model-with-a-rather-long-name-120b-instruct", "tokens_out": 40_000},
    {"status": "cancelled", "http_status": 499, "tokens_out": 12},
    {
        "status": "failed", "http_status": 503, "problem": "upstream_busy", "upstream": "rack", "region": "IN Pune",
        "tried": "states@US", "first_token_ms": None, "tokens_out": 0, "india_only": False,
    },
)  # fmt: skip
"""In turn, on top of USUAL."""


@dataclass
class Bustle:
    """A busy workspace. `pages` maps a page's name to the cookie's holder ("owner", "staff", …) and its path."""

    firm: Firm
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    pages: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


async def busy_workspace(services: Services) -> Bustle:
    """Make it: keys in every state, a team, invitations, browsers, requests of the operator's staff, links in letters."""
    bustle = Bustle(await firm_at_work(services))
    owner = bustle.firm.owner
    await _keys(services, owner, bustle)
    await _team(services, owner, bustle)
    await _staff(services, owner, bustle)
    await _doors(services, bustle)
    await _factors(services, owner, bustle)
    for device in DEVICES:
        await _enter(services, bustle, "owner", owner, device)
    empty = await workspace_of_someone(services)
    await _enter(services, bustle, "newcomer", empty)
    failed = await _requests(services, owner)
    await _batches(services, owner)
    await seal_all(services.db)
    bustle.pages |= {
        "sessions": ("owner", "/app/account/sessions"),
        "account": ("owner", "/app/account"),
        "settings": ("owner", "/app/settings"),
        "models": ("owner", "/app/models"),
        "model": ("owner", "/app/models?model=local/extractive"),
        "models-none": ("owner", "/app/models?q=no+such+model"),
        "playground": ("owner", "/app/playground"),
        "speech": ("owner", "/app/playground/speech"),
        "pictures": ("owner", "/app/playground/images"),
        "pictures-none": ("newcomer", "/app/playground/images"),
        "search": ("owner", "/app/playground/search"),
        "usage": ("owner", "/app/usage"),
        "usage-by-key": ("owner", "/app/usage?by=key"),
        "requests": ("owner", "/app/requests"),
        "requests-none": ("owner", "/app/requests?status=cancelled&slower=3"),
        "request-failed": ("owner", f"/app/requests?request={failed}"),
        "batches": ("owner", "/app/batches"),
        "batches-none": ("newcomer", "/app/batches"),
        "transfers": ("owner", "/app/transfers"),
        "new-workspace": ("owner", "/app/workspaces/new"),
        "audit": ("owner", "/app/audit"),
        "audit-nothing": ("owner", "/app/audit?actor=visitor&until=2020-01-01"),
        "close": ("owner", "/app/close"),
        "close-account": ("owner", "/app/close-account"),
        "staff-access": ("owner", "/app/staff-access"),
        "keys-none": ("newcomer", "/app/keys"),
        "limits-none": ("newcomer", "/app/keys/limits"),
        "usage-none": ("newcomer", "/app/usage"),
        "requests-new": ("newcomer", "/app/requests"),
        "team-alone": ("newcomer", "/app/team?tab=invitations"),
        "staff-access-none": ("newcomer", "/app/staff-access"),
        "refused": ("teammate", "/app/keys"),
    }
    return bustle


async def _enter(
    services: Services, bustle: Bustle, name: str, access: Access, device: str = DEVICES[0]
) -> None:
    assert access.actor.id
    async with services.db.control() as tx:
        bustle.tokens[name] = await sessions.open_session(
            tx, access.actor.id, access.tenant_id, device, "203.0.113.7", methods=("code",)
        )


async def _keys(services: Services, owner: Access, bustle: Bustle) -> None:
    async with services.db.tenant(owner) as tx:
        account = await service_accounts.create_service_account(tx, "CRM sync")
        live = await create_key(tx, "website-prod", permissions=["llm"], limits=NARROWED, days=90)
        await create_key(
            tx,
            "crm-sync",
            permissions=["llm"],
            scopes=["inbox.read", "bots.read"],
            service_account_id=account.id,
        )
        stopped = await create_key(tx, "intern-laptop", permissions=["llm"], days=30)
        await rotation.rotate_key(tx, live.id, 3)
        await revoke_key(tx, stopped.id)
        working = next(card.id for card in await list_keys(tx) if card.name == "website-prod")
    bustle.pages |= {
        "keys": ("owner", "/app/keys"),
        "keys-new": ("owner", "/app/keys?new=1"),
        "keys-change": ("owner", f"/app/keys?edit={working}"),
        "keys-rotate": ("owner", f"/app/keys?rotate={working}"),
        "keys-revoke": ("owner", f"/app/keys?revoke={working}"),
        "limits": ("owner", "/app/keys/limits"),
        "service-accounts": ("owner", "/app/keys/service-accounts"),
    }


async def _requests(services: Services, owner: Access) -> UUID:
    """Three weeks of requests: by key, by bot, tried out, cut short, and one that failed at two suppliers; that one's id."""
    async with services.db.tenant(owner) as tx:
        await grant(tx, rupees("100"), "grant", uuid7())
        keys = [card.id for card in await list_keys(tx)]
    made = uuid7()
    for n in range(42):
        more = {"key_id": keys[n % len(keys)], **MADE[n % len(MADE)]}
        made = await one_request(services, owner, timedelta(hours=12 * (41 - n)), more)
    return made


async def one_request(services: Services, owner: Access, ago: timedelta, more: dict[str, Any]) -> UUID:
    """A request made so long ago; its id."""
    milliseconds = int((clock.now() - ago).timestamp() * 1000)
    usage = Usage(**{**USUAL, **more})
    key = KeyBudget(usage.key_id, None) if usage.key_id else None
    ref = UUID(int=milliseconds << 80 | uuid7().int & ((1 << 80) - 1))
    price = 0 if usage.status == "failed" else usage.tokens_in * 85 + usage.tokens_out * 210
    ledger = services.get(Ledger)
    await ledger.reserve(owner.tenant_id, ref, max(1, price), key)
    await ledger.settle(owner.tenant_id, ref, price, usage)
    return ref


BATCHES: tuple[dict[str, Any], ...] = (
    {"state": "completed", "total": 10_000, "completed": 9_812, "failed": 188},
    {"state": "in_progress", "total": 10_000, "completed": 4_070},
    {"state": "failed", "faults": [[3, "line_unreadable", None], [4, "duplicate_custom_id", "custom_id"]]},
    {"state": "validating"},
)


async def _batches(services: Services, owner: Access) -> None:
    """Batches in every state, with files of answers and of failures where they have ended."""
    async with services.db.tenant(owner) as tx:
        key = (await list_keys(tx))[0].id
        for figures in BATCHES:
            file = await batch_files.store(tx, key, "q.jsonl", b"{}\n")
            wish = batch_runs.BatchBody(file_name(file.id), "/v1/chat/completions", "24h")
            made = await batch_runs.create(tx, key, wish, file.id)
            for name, value in figures.items():
                setattr(made, name, value)
            if made.state == "completed":
                made.output_file_id = made.error_file_id = file.id


async def _team(services: Services, owner: Access, bustle: Bustle) -> None:
    teammate = await teammate_of(services, owner, "teammate")
    await teammate_of(services, owner, "privacy")
    await _enter(services, bustle, "teammate", teammate)
    address = f"asked.in.by.a.rather.long.address.{uuid7().hex[:6]}@namuna.example"
    await invite(services, owner, address, "developer")
    async with services.db.tenant(owner) as tx:
        await custom_roles.make_role(tx, "Night shift", ["inbox.read", "inbox.reply", "contacts.read"])
    member = await member_id_of(services, teammate)
    bustle.pages |= {
        "team": ("owner", "/app/team"),
        "team-invite": ("owner", "/app/team?invite=1"),
        "team-member": ("owner", f"/app/team?member={member}"),
        "invitations": ("owner", "/app/team?tab=invitations"),
        "roles": ("owner", "/app/team?tab=roles"),
        "roles-new": ("owner", "/app/team?tab=roles&role=new"),
        "invitation-stranger": ("nobody", f"/app/invitation/{await link_to(services, address)}"),
        "invitation-other": ("owner", f"/app/invitation/{await link_to(services, address)}"),
        "leave": ("teammate", "/app/leave"),
    }


async def _staff(services: Services, owner: Access, bustle: Bustle) -> None:
    support = await staff_member(services, "support")
    security, privacy = await staff_member(services, "security"), await staff_member(services, "privacy")
    new = await staff_member(services, "finance", signed=False)
    for name, user_id in (("support", support), ("security", security), ("unsigned", new)):
        async with services.db.control() as tx:
            bustle.tokens[name] = await sessions.open_session(tx, user_id, None, DEVICES[0])
    looked = await asked(services, support, owner, "bots")
    async with services.db.tenant(owner) as tx:
        await staff.approve(tx, looked)
    await asked(services, support, owner, "conversation", target_id=bustle.firm.conversation_id)
    broken = await glass(services, security, owner)
    async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
        await staff.second(tx, broken, privacy, "/app/staff-access")
    bustle.pages |= {
        "operator": ("security", "/operator"),
        "operator-access": ("security", "/operator/access"),
        "operator-ask": ("support", "/operator/access?new=ask"),
        "operator-glass": ("security", "/operator/access?new=glass"),
        "operator-look": ("support", f"/operator/access/{looked}/look"),
        "operator-staff": ("security", "/operator/staff"),
        "operator-policy": ("security", "/operator/policy"),
        "operator-versions": ("privacy", "/operator/versions"),
        "operator-findings": ("privacy", "/operator/findings"),
        "undertaking": ("unsigned", "/operator/undertaking"),
        "undertaking-signed": ("support", "/operator/undertaking"),
    }


async def _doors(services: Services, bustle: Bustle) -> None:
    """What is closed, what is locked, and the link with which it is."""
    closed = await workspace_of_someone(services)
    async with services.db.tenant(closed) as tx:
        await leaving.close_workspace(tx)
    await _enter(services, bustle, "closer", closed)
    warned, link = await warned_owner(services)
    locked, other = await warned_owner(services)
    await alerts.lock_everything(services.db, other)
    await _enter(services, bustle, "locked", locked)
    async with services.db.control() as tx:
        assert await directory.find(tx, sessions.WORKS_IN, str(warned.actor.id))
    bustle.pages |= {
        "closed": ("closer", "/closed"),
        "not-me": ("nobody", f"/not-me/{link}"),
        "not-me-worn": ("nobody", f"/not-me/{other}"),
        "restore": ("locked", "/restore"),
    }


async def _factors(services: Services, owner: Access, bustle: Bustle) -> None:
    """What the owner signs in with, the rules of the workspace, and somebody whom such a rule keeps out."""
    user_id = owner.actor.id
    assert user_id
    async with services.db.tenant(owner) as tx:
        made = await ways_in.totp.begin_app(tx, user_id, LONG_NAME, "asha@namuna.example")
        code = otp.code_at(made.secret, otp.step_of(clock.now()))
        await ways_in.totp.confirm_app(tx, user_id, made.id, code)
        waiting = await ways_in.totp.begin_app(tx, user_id, "Tablet", "asha@namuna.example")
        await ways_in.domains.add_domain(
            tx, "a-rather-long-name-of-a-repair-shop.namuna.example", "elsewhere"
        )
    strict = await workspace_of_someone(services)
    async with services.db.tenant(strict) as tx:
        await ways_in.domains.require_second_factor(tx, wanted=True)
    await _enter(services, bustle, "barred", strict)
    bustle.pages |= {
        "security": ("owner", "/app/account/security"),
        "security-passkey": ("owner", "/app/account/security/new/passkey"),
        "security-app": ("owner", "/app/account/security/new/app"),
        "security-app-code": ("owner", f"/app/account/security/apps/{waiting.id}"),
        "security-rename": ("owner", f"/app/account/security?rename={made.id}"),
        "security-remove": ("owner", f"/app/account/security?remove={made.id}"),
        "security-barred": ("barred", "/app/account/security"),
        "sign-in-rules": ("owner", "/app/sign-in-rules"),
        "sign-in": ("nobody", "/sign-in"),
    }


async def warned_owner(services: Services) -> tuple[Access, str]:
    """An owner who made two keys, and the token of the link in the letter about the second."""
    email = f"w{uuid7().hex}@namuna.example"
    owner = await workspace_of_someone(services, email)
    async with services.db.tenant(owner) as tx:
        for name in ("shop", "crm"):
            await create_key(tx, name, permissions=["llm"])
    assert owner.actor.id
    found = re.search(r"/not-me/([0-9a-f]+)", (await newest_letter(services, email)).letter.text)
    assert found
    return await standing(services, owner.tenant_id, owner.actor.id), found[1]
