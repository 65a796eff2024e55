"""Seeding the demo company: an appliance-repair firm in Pune that misses many calls. Safe to repeat."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from callmissed.billing import grant
from callmissed.bots import create_bot, list_bots
from callmissed.foundation import directory
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import KEY_SERVICES, accounts, create_key, onboarding, sessions, staff
from callmissed.knowledge import add_text
from callmissed.site import DemoFirm

FOLDER = Path(__file__).resolve().parent
LINKS = "demo.json"
STARTING_CREDIT = rupees(400)
KEY_NAME = "Demo"


async def seed_demo(services: Services) -> dict[str, str]:
    """Make what is missing of the demo, write `demo.json`, and return the links to look at."""
    facts = tomllib.loads((FOLDER / "firm.toml").read_text(encoding="utf-8"))
    path = services.home / LINKS
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    tenant = await _company(services, facts)
    async with services.db.tenant(Access.system(tenant)) as tx:
        bots = await list_bots(tx)
        if bots:
            bot_id, widget_id = bots[0].id, bots[0].widget_id
        else:
            sources = [(await add_text(tx, title, text)).id for title, text in documents()]
            bot = await create_bot(
                tx,
                name=facts["bot_name"],
                greeting=facts["greeting"],
                tagline=facts["tagline"],
                sources=sources,
            )
            bot_id, widget_id = bot.id, bot.widget_id
            await grant(tx, STARTING_CREDIT, "grant", tenant)
        secret = known.get("api_key") if known.get("bot_id") == str(bot_id) else None
        if secret is None:
            made = await create_key(tx, KEY_NAME, permissions=list(KEY_SERVICES))
            secret = made.secret
    await _operators_staff(services, facts)
    services.put(DemoFirm(FOLDER, widget_id))
    links = _links(services.base_url, str(facts["owner_email"]), secret, str(bot_id), widget_id)
    write_private(path, links)
    return {
        "Home": links["base_url"],
        "The firm's page": f"{links['base_url']}/demo",
        "Living policy": links["privacy_url"],
        "Sign in as": links["owner_email"],
        "Operator": f"{links['base_url']}/operator, as {facts['staff'][0]['email']}",
        "Outbox with codes": f"{links['base_url']}/outbox",
        "API key": secret,
    }


async def _company(services: Services, facts: Mapping[str, Any]) -> UUID:
    """The tenant, with its owner's account, founded the way anybody founds one."""
    async with services.db.control() as tx:
        owner = (await accounts.account_for(tx, facts["owner_email"], "en")).id
        entry = await directory.find(tx, sessions.WORKS_IN, str(owner))
    if entry is not None:
        return entry.tenant_id
    founder = onboarding.new_tenant(owner)
    async with services.db.tenant(founder) as tx:
        await onboarding.found(tx, owner, onboarding.Introduction(facts["owner"], facts["name"], adult=True))
    return founder.tenant_id


async def _operators_staff(services: Services, facts: Mapping[str, Any]) -> None:
    """The people who run the demo's installation, each bound by their signature."""
    async with services.db.control() as tx:
        known = {each.email for each in await staff.people(tx)}
        for each in facts["staff"]:
            if each["email"] not in known:
                user_id = await staff.add(tx, each["email"], each["role"])
                await staff.sign(tx, user_id, each["name"], staff.text_in("en").version, "en")


def documents() -> list[tuple[str, str]]:
    """Title and text of each document of the firm: its first heading, and all of it."""
    found: list[tuple[str, str]] = []
    for path in sorted((FOLDER / "documents").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        found.append((text.lstrip().splitlines()[0].lstrip("# ").strip(), text))
    return found


def _links(base: str, email: str, secret: str, bot_id: str, widget_id: str) -> dict[str, str]:
    return {
        "base_url": base,
        "api_key": secret,
        "owner_email": email,
        "bot_id": bot_id,
        "widget_id": widget_id,
        "widget_url": f"{base}/demo",
        "privacy_url": f"{base}/privacy",
    }


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Write a JSON file that only this user may read, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content, indent=2), encoding="utf-8")
    fresh.replace(path)
