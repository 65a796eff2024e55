"""The database: transactions that know their tenant, and the schema that keeps tenants apart.

Two locks guard each tenant's rows: row-level security with FORCE, set per transaction, and an explicit tenant_id in
every key, index and query.
"""

from callmissed.foundation.database.direct import FAILURES, PASSING, AlreadyThere, DirectConnection, DirectTx
from callmissed.foundation.database.drift import SchemaDrift, refuse_drift
from callmissed.foundation.database.transactions import Database, Tx

__all__ = [
    "FAILURES",
    "PASSING",
    "AlreadyThere",
    "Database",
    "DirectConnection",
    "DirectTx",
    "SchemaDrift",
    "Tx",
    "refuse_drift",
]
