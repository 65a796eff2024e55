"""The wallet page over HTTP: the balance and its proof, the ledger and its file, and what is honest to say about paying."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from callmissed.app.installation import Installation
from callmissed.billing import Ledger
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import RUPEE
from callmissed.foundation.postgres import ADMIN, DATABASE
from tests.rooms.dashboard.conftest import Office, Open
from tests.rooms.dashboard.test_usage import text_of

pytestmark = pytest.mark.database


async def test_balance_ledger_and_proof(office: Office) -> None:
    await office.give("25000", "topup")
    await office.spend(41_270_000)
    page = await office.page("/app/wallet")
    said = text_of(page)
    assert "Wallet balance. 1 credit is always ₹1 ₹25,058 .73" in said
    assert "Usage since" in said or "Usage, " in said
    assert "1 request −₹41 .27 ₹25,058 .73" in said
    assert "Top-up Paid, and entered by the operator +₹25,000 .00" in said
    assert "Welcome credit A present to every new workspace +₹100 .00" in said
    assert "The balance equals the sum of all 3 entries." in said
    assert 'aria-label="Kept"' in page
    assert 'href="/privacy#use.plan"' in page
    assert "is not there yet" in said
    assert str(office.access.tenant_id) in said


async def test_a_balance_is_never_rounded_up(office: Office) -> None:
    await office.spend(2_320)
    page = await office.page("/app/wallet")
    assert "always ₹1 ₹99 .99" in text_of(page)
    assert "now ₹99.99" in page
    assert "−₹0.0023" in page, "below a paisa the decimals are the news"


async def test_what_is_held_is_said(office: Office) -> None:
    ref = uuid7()
    ledger = office.services.get(Ledger)
    await ledger.reserve(office.access.tenant_id, ref, 12 * RUPEE)
    assert "₹12.00 of it is held" in text_of(await office.page("/app/wallet"))
    await ledger.release(office.access.tenant_id, ref)
    assert "Nothing of it is held" in text_of(await office.page("/app/wallet"))


async def test_a_balance_that_is_not_its_sum_is_said_as_loudly(
    office: Office, installation: Installation
) -> None:
    change = "UPDATE wallet SET balance_micro = balance_micro + 7000000 WHERE tenant_id = %s"
    async with await psycopg.AsyncConnection.connect(installation.data.dsn(ADMIN, DATABASE).psycopg) as admin:
        await admin.execute(change, [office.access.tenant_id])
    try:
        page = await office.page("/app/wallet")
    finally:
        async with await psycopg.AsyncConnection.connect(
            installation.data.dsn(ADMIN, DATABASE).psycopg
        ) as admin:
            await admin.execute(change.replace("+", "-"), [office.access.tenant_id])
    said = text_of(page)
    assert "The balance is ₹107.000000, but the sum of its entries, 1 in all, is ₹100.000000." in said
    assert "The balance equals" not in said
    assert 'cm-mark is-broken" viewBox="0 0 20 20" role="img"' in page


async def test_pace_is_from_the_first_day_something_was_spent(office: Office) -> None:
    assert "Nothing was spent in the last 30 days." in text_of(await office.page("/app/wallet"))
    await office.spend(10 * RUPEE, ago=timedelta(days=9))
    await office.spend(10 * RUPEE)
    said = text_of(await office.page("/app/wallet"))
    assert "At the pace of the last 10 days it lasts until" in said
    await office.give("100000")
    assert "lasts longer than a year" in text_of(await office.page("/app/wallet"))


async def test_the_ledger_is_narrowed_and_shown_whole(office: Office) -> None:
    for hours in range(60):
        await office.spend(RUPEE, ago=timedelta(hours=hours))
    page = await office.page("/app/wallet")
    assert page.count('<td class="first">') == 50
    assert "/app/wallet?whole=1" in page
    assert (await office.page("/app/wallet?whole=1")).count('<td class="first">') == 61
    assert "Welcome credit" in await office.page("/app/wallet?only=credit")
    assert (await office.page("/app/wallet?only=credit")).count('<td class="first">') == 1
    usage = await office.page("/app/wallet?only=usage&whole=1")
    assert usage.count('<td class="first">') == 60
    assert "Welcome credit" not in usage


@pytest.mark.parametrize("query", ["only=<script>", "only=", "whole=maybe"])
async def test_what_cannot_be_meant_is_refused(office: Office, query: str) -> None:
    reply = await office.browser.get(f"/app/wallet?{query}")
    assert reply.status_code == 422
    assert "<script>" not in reply.text


async def test_the_file_sums_to_the_balance_and_is_nobody_elses(office: Office, opened: Open) -> None:
    for _ in range(3):
        await office.spend(1_234_567)
    reply = await office.browser.get("/app/wallet/ledger.csv")
    assert re.fullmatch(
        r'attachment; filename="ledger-until-[0-9-]+\.csv"', reply.headers["content-disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))
    assert [row["kind"] for row in rows] == ["welcome", "usage", "usage", "usage"]
    assert sum(Decimal(row["amount_inr"]) for row in rows) == Decimal(rows[-1]["balance_inr"])
    assert rows[-1]["balance_inr"] == "96.296299"
    assert rows[-1]["amount_inr"] == "-1.234567"
    other = await opened()
    theirs = (await other.browser.get("/app/wallet/ledger.csv")).text
    assert len(theirs.splitlines()) == 2
    assert not any(row["entry_id"] in theirs for row in rows)
    assert "Usage since" not in await other.page("/app/wallet")


async def test_nobody_sees_it_without_signing_in(client) -> None:
    for address in ("/app/wallet", "/app/wallet/ledger.csv"):
        assert (await client.get(address)).status_code == 401


async def test_it_speaks_hindi(office: Office) -> None:
    await office.spend(RUPEE)
    said = text_of(await office.page("/app/wallet?lang=hi"))
    for words in ("बटुए में बाक़ी", "आज की रफ़्तार से", "बही", "सभी 2 प्रविष्टियों के जोड़ के बराबर"):
        assert words in said
