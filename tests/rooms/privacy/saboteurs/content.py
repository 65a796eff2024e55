"""Against the walls between businesses, and against the ban on training: content.isolated, content.no-training."""

from collections.abc import AsyncGenerator
from pathlib import Path

from callmissed.foundation.database import Database
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.gateway import Upstreams, UpstreamSettings
from callmissed.gateway.upstreams import Upstream
from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages

POLICY = "tenant_id = cm.tenant()"
SUPPLIER = """
[[upstream]]
name = "{name}"
base_url = "http://127.0.0.1:9/v1"
region = "{region}"
contract = "{contract}"
api_key = "made up"
[[upstream.model]]
id = "{name}/m"
served_as = "m"
price_in = "1"
price_out = "1"
context = 1000
longest_answer = 100
"""


class Careless(Upstreams):
    """A register that no longer asks for a contract before an upstream is used."""

    def _usable(self, upstream: Upstream) -> bool:
        return bool(upstream)


async def supplied(
    house: House,
    kind: type[Upstreams] = Upstreams,
    *,
    region: str = "IN",
    contract: str = "",
    india_only: bool = True,
) -> AsyncGenerator[None]:
    """One more supplier stands in the operator's file, under these terms."""
    file: Path = house.installation.home / "upstreams.toml"
    file.write_text(SUPPLIER.format(name="planted", region=region, contract=contract))
    before = house.services.get(Upstreams)
    made = kind(house.services.db, UpstreamSettings(file=file, look=False, india_only=india_only))
    await made.start()
    house.services.put(made, Upstreams)
    try:
        yield
    finally:
        house.services.put(before, Upstreams)
        await made.stop()
        file.unlink()


@sabotages("content.isolated", "1 gaps", "no-policy: contact", gaps=1, rows_seen=0)
async def dropped_policy(house: House) -> AsyncGenerator[None]:
    """Drops the tenant policy of one table: row security stays on and shows nothing, until the next policy."""
    async with house.done(
        "DROP POLICY tenant_isolation ON contact",
        f"CREATE POLICY tenant_isolation ON contact TO cm_app, cm_worker USING ({POLICY}) WITH CHECK ({POLICY})",
    ):
        yield


@sabotages("content.isolated", "1 gaps", "granted-partition", gaps=1)
async def grant_on_a_partition(house: House) -> AsyncGenerator[None]:
    """Grants a partition to the application directly, past the policy of its parent."""
    [(partition,)] = await house.sql(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'usage_record'::regclass LIMIT 1"
    )
    async with house.done(
        f"GRANT SELECT ON {partition} TO cm_app", f"REVOKE SELECT ON {partition} FROM cm_app"
    ):
        yield


@sabotages("content.isolated", "rows visible to a made-up business", "weak-policy", gaps=1, rows_seen=1)
async def policy_open_to_all(house: House) -> AsyncGenerator[None]:
    """Adds a policy that shows every business every wallet."""
    async with house.done("CREATE POLICY open ON wallet USING (true)", "DROP POLICY open ON wallet"):
        yield


@sabotages("content.isolated", "no-row-security: wallet", gaps=1, rows_seen=1)
async def row_security_switched_off(house: House) -> AsyncGenerator[None]:
    """Switches row security off for one table."""
    async with house.done(
        "ALTER TABLE wallet DISABLE ROW LEVEL SECURITY", "ALTER TABLE wallet ENABLE ROW LEVEL SECURITY"
    ):
        yield


@sabotages("content.isolated", "0 gaps", gaps=0)
async def application_signed_in_as_the_servers_own_login(house: House) -> AsyncGenerator[None]:
    """Has the application sign in as the server's own login, whom no policy binds; the schema itself stays sound."""
    before = house.services.db
    house.services.db = Database(house.installation.data.dsn(ADMIN, DATABASE).sqlalchemy, before.vault)
    try:
        yield
    finally:
        await house.services.db.close()
        house.services.db = before


@sabotages("content.isolated", "isolation.stranger", verdict="unknown")
async def nobody_tries_as_a_stranger(house: House) -> AsyncGenerator[None]:
    """Takes away who tries to read as a made-up business."""
    with house.answering("isolation.stranger", None):
        yield


@sabotages("content.isolated", "isolation.stranger", verdict="unknown")
async def stranger_without_tables(house: House) -> AsyncGenerator[None]:
    """Leaves the made-up business no table to try."""

    async def none() -> dict[str, int]:
        return {}

    with house.answering("isolation.stranger", none):
        yield


@sabotages("content.no-training", "1 of them in use", "planted", without_contract=1, strayed=0)
async def supplier_that_trains_in_use(house: House) -> AsyncGenerator[None]:
    """Offers a supplier without a no-training contract, through a register that no longer asks for one."""
    async for _ in supplied(house, Careless):
        yield


@sabotages("content.no-training", "1 calls to suppliers without", "somebody", strayed=1, without_contract=0)
async def call_to_a_supplier_that_trains(house: House) -> AsyncGenerator[None]:
    """Records a call that went to a supplier who may train."""
    async with house.usage_row(upstream="somebody", may_train=True):
        yield


@sabotages("content.no-training", "1 calls to suppliers without", "planted", strayed=1, without_contract=0)
async def contract_that_is_gone(house: House) -> AsyncGenerator[None]:
    """Takes a supplier's contract off the record, after a call went there."""
    async with house.usage_row(upstream="planted"):
        async for _ in supplied(house):
            yield


@sabotages("content.no-training", "1 accounts of businesses without one named", strayed=0, unstated=1, own=1)
async def account_of_a_business_without_a_word(house: House) -> AsyncGenerator[None]:
    """Records a call on a business's own account, of which nobody has said that its contract excludes training."""
    async with house.usage_row(upstream="somebody", own_key=True):
        yield


@sabotages("content.no-training", "gateway.upstreams", verdict="unknown")
async def register_that_is_empty(house: House) -> AsyncGenerator[None]:
    """Replaces the register of suppliers by one that was never filled."""
    before = house.services.get(Upstreams)
    house.services.put(Upstreams(house.services.db, UpstreamSettings(look=False)))
    try:
        yield
    finally:
        house.services.put(before)


@sabotages("content.no-training", "gateway.upstreams", verdict="unknown")
async def register_that_is_gone(house: House) -> AsyncGenerator[None]:
    """Takes the register of suppliers away."""
    before = house.services._own.pop(Upstreams)
    try:
        yield
    finally:
        house.services.put(before)


@sabotages("store.india", "1 workspaces let out without a word", calls_unasked=0, workspaces_unasked=1)
async def workspace_let_out_without_a_word(house: House) -> AsyncGenerator[None]:
    """Switches a workspace's India-only off behind its owner's back, while a supplier abroad is in use."""
    async for _ in supplied(house, region="US", contract="written down", india_only=False):
        mine = f"WHERE id = '{house.access.tenant_id}'"
        async with house.done(
            f"UPDATE tenant SET india_only = false {mine}", f"UPDATE tenant SET india_only = true {mine}"
        ):
            yield


@sabotages("store.india", "1 calls went abroad unasked", calls_abroad=1, calls_unasked=1)
async def call_that_was_tried_abroad(house: House) -> AsyncGenerator[None]:
    """Records a call that was answered in India after it had been sent abroad."""
    async with house.usage_row(upstream="somebody", region="IN", tried="states@US"):
        yield


@sabotages("store.india", "1 calls went abroad unasked", calls_abroad=1, calls_unasked=1)
async def call_that_went_abroad(house: House) -> AsyncGenerator[None]:
    """Records a call that went abroad."""
    async with house.usage_row(upstream="somebody", region="SG Singapore"):
        yield


@sabotages("store.india", "this installation")
async def installation_abroad(house: House) -> AsyncGenerator[None]:
    """Moves the installation abroad."""
    with house.facts(region="US"):
        yield


@sabotages("store.india", "has not been configured", verdict="unknown")
async def installation_nobody_knows_where(house: House) -> AsyncGenerator[None]:
    """Leaves open where the installation stands."""
    with house.facts(region=" "):
        yield


@sabotages("store.india", "gateway.upstreams", verdict="unknown")
async def suppliers_nobody_knows_where(house: House) -> AsyncGenerator[None]:
    """Takes away who knows where the suppliers are."""
    with house.answering("gateway.upstreams", None):
        yield
