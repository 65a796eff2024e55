"""What somebody gave when they registered: the columns that law makes us keep, and no other."""

from datetime import datetime

from callmissed.foundation.database import Tx
from callmissed.identity.models import Closing
from callmissed.identity.remainder import Registration
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import tenant
from callmissed.identity.service.accounts import profile


async def registration_of(tx: Tx, closing: Closing) -> Registration | None:
    """What was given to register: of an account who they are, of a workspace how the organisation is called."""
    if closing.kind == "tenant":
        row = await tenant(tx, closing.subject_id)
        columns = {"organisation": row.name, "signed_up_at": _written(row.created_at)} if row else {}
        return Registration("tenant", closing.subject_id, closing.closed_at, columns) if columns else None
    account = await accounts_sql.account(tx, closing.subject_id)
    if account is None:
        return None
    who = await profile(tx, account.id)
    if not who.email:  # its keys are gone already, as after a restore: nothing is left that could be sealed
        return None
    given = {"name": who.full_name, "email": who.email, "phone": who.phone or ""}
    columns = {name: value for name, value in given.items() if value}
    columns["signed_up_at"] = _written(account.created_at)
    return Registration("account", account.id, closing.closed_at, columns)


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
