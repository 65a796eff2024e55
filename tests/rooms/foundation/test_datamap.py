"""The data map: classes that keep silent do not load, and a drifted database refuses the start."""

import uuid
from typing import Any

import pytest
from sqlalchemy import String, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Mapped, mapped_column

from callmissed.app.installation import Installation
from callmissed.foundation import datamap
from callmissed.foundation.database.drift import SchemaDrift, refuse_drift
from callmissed.foundation.datamap import (
    Category,
    Keep,
    NotDeclared,
    Row,
    Sealed,
    TenantTable,
    Whose,
    column,
    nothing,
    personal,
)
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services

KEEP = Keep(until="the test ends", promise="keep.active")


def declare(columns: dict[str, object], **attributes: object) -> type[Row]:
    """Make a table class as the import of a models module would."""
    name = f"t_{uuid.uuid4().hex}"
    body = {
        "__tablename__": name,
        "__doc__": "A row.",
        "__keep__": KEEP,
        "__module__": __name__,
        **attributes,
    }
    body["__annotations__"] = {key: Mapped[bytes] if "sealed" in key else Mapped[str] for key in columns}
    made: Any = type(name, (TenantTable,), body | columns)
    Row.metadata.remove(made.__table__)
    return made


def test_a_silent_column_does_not_load() -> None:
    """No declaration, no class."""
    with pytest.raises(NotDeclared, match="does not say what it holds"):
        declare({"note": mapped_column(String(10))})


def test_a_table_without_a_life_span_does_not_load() -> None:
    """No __keep__, no class."""
    with pytest.raises(NotDeclared, match="how long its rows live"):
        declare({"note": column(nothing("a note"), String(10))}, __keep__=None)


def test_readable_personal_data_must_be_sealed() -> None:
    """A name as text is refused; sealed under its person's key it loads."""
    holds = personal(Category.ACCOUNT, Whose.USER, person="id")
    with pytest.raises(NotDeclared, match="not of type Sealed"):
        declare({"name": column(holds, String(10))})
    assert declare({"name_sealed": column(holds, Sealed())})


def test_sealed_data_must_name_its_person() -> None:
    """A blob under nobody's key could never be erased."""
    holds = personal(Category.CONTENT, Whose.CONTACT, person="nobody_id")
    with pytest.raises(NotDeclared, match="names no column"):
        declare({"body_sealed": column(holds, Sealed())})


def test_a_life_span_needs_its_anchor() -> None:
    """Days from nothing, or from a column that is not there."""
    with pytest.raises(TypeError, match="either until"):
        Keep(days=90, promise="keep.usage-logs")
    with pytest.raises(NotDeclared, match="no column of it"):
        declare(
            {"note": column(nothing("a note"), String(10))},
            __keep__=Keep(days=90, promise="p", anchor="nowhere"),
        )


def test_the_map_holds_every_table_and_every_personal_column_is_sealed() -> None:
    """Read from the models themselves."""
    entries = datamap.entries()
    assert len({entry.table for entry in entries}) > 10
    assert not [entry for entry in entries if entry.holds.must_be_sealed and not entry.sealed]


@pytest.mark.database
@pytest.mark.parametrize(
    "offence",
    [
        "ALTER TABLE contact ADD COLUMN caste text",
        "CREATE TABLE hidden (id int)",
        "ALTER TABLE contact DROP COLUMN language",
        "ALTER TABLE contact ALTER COLUMN language TYPE text",
    ],
)
async def test_drift_refuses_the_start(services: Services, installation: Installation, offence: str) -> None:
    """A column, a table, a loss or another type: each is named, in a transaction that is rolled back."""
    del services
    engine = create_async_engine(installation.data.dsn(ADMIN, DATABASE).sqlalchemy)
    async with engine.connect() as connection:
        await refuse_drift(connection)
        await connection.execute(text(offence))
        with pytest.raises(SchemaDrift, match=r"contact\.|hidden\."):
            await refuse_drift(connection)
        await connection.rollback()
    await engine.dispose()
