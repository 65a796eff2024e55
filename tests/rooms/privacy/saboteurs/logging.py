"""Against limits and the access log: use.rate-limits, keep.security-logs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from callmissed.foundation.ids import uuid7
from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages


@asynccontextmanager
async def unwritten(house: House, table: str) -> AsyncGenerator[None]:
    """The servers cannot write this table for the length of the block, and its rows are then as they were."""
    roles = "cm_app, cm_worker"
    async with (
        house.done(f"REVOKE INSERT, UPDATE ON {table} FROM {roles}", f"GRANT INSERT ON {table} TO {roles}"),
        house.saved(table),
    ):
        yield
    if table == "access_log_pulse":
        await house.sql(f"GRANT UPDATE ON {table} TO {roles}")


@sabotages("use.rate-limits", "The access log is 300 seconds behind", lost=0)
async def a_log_that_has_stopped(house: House) -> AsyncGenerator[None]:
    """Stops the access log for five minutes."""
    async with unwritten(house, "access_log_pulse"):
        await house.sql("UPDATE access_log_pulse SET at = now() - interval '5 minutes'")
        yield


@sabotages("use.rate-limits", "has lost 3 calls", lost=3)
async def a_log_without_room(house: House) -> AsyncGenerator[None]:
    """Has the access log lose calls because it has no room for them."""
    async with unwritten(house, "access_log_pulse"):
        await house.sql("UPDATE access_log_pulse SET at = now(), lost = 3")
        yield


@sabotages("use.rate-limits", "the limiter lets everything through", limits=0)
async def a_limiter_without_limits(house: House) -> AsyncGenerator[None]:
    """Lets every call through."""

    async def lenient() -> dict[str, bool]:
        return {"allows": True, "refuses": False}

    with house.answering("gateway.limits", lenient):
        yield


@sabotages("use.rate-limits", "access_log_pulse (nothing to look at)", verdict="unknown")
async def no_server(house: House) -> AsyncGenerator[None]:
    """Has no server write any log."""
    async with unwritten(house, "access_log_pulse"):
        await house.sql("DELETE FROM access_log_pulse")
        yield


@sabotages("use.rate-limits", "gateway.limits", verdict="unknown")
async def nobody_who_knows_the_limiter(house: House) -> AsyncGenerator[None]:
    """Asks where no limiter is."""
    with house.answering("gateway.limits", None):
        yield


@sabotages("keep.security-logs", "3 days are missing", missing_days=3)
async def entries_that_went_too_early(house: House) -> AsyncGenerator[None]:
    """Purges the first three days of the access log: all entries that are left are younger than its beginning by that."""
    async with unwritten(house, "access_entry"):
        await house.sql("UPDATE access_entry SET at = at + interval '3 days 1 hour'")
        yield


@sabotages("keep.security-logs", "it is 33 days too old", late_days=33)
async def entries_that_stayed_too_long(house: House) -> AsyncGenerator[None]:
    """Keeps an entry for 400 days."""
    planted = {name: uuid7() for name in ("id", "day")}
    try:
        await house.sql(
            "INSERT INTO access_entry (at, id, actor_kind, method, route, status, times, address_tag, day_id, address)"
            " VALUES (now() - interval '400 days 1 hour', %(id)s, 'nobody', 'GET', '/', 200, 1, '', %(day)s, '')",
            **planted,
        )
        yield
    finally:
        await house.sql("DELETE FROM access_entry WHERE id = %(id)s", id=planted["id"])


@sabotages("keep.security-logs", "could not be finished", verdict="unknown")
async def log_hidden_from_the_verifier(house: House) -> AsyncGenerator[None]:
    """Takes the right to read the access log away from the checks."""
    async with house.done(
        "REVOKE SELECT ON access_entry FROM cm_verifier", "GRANT SELECT ON access_entry TO cm_verifier"
    ):
        yield
