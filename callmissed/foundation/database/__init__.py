"""The database: transactions that know their tenant, and the schema that keeps tenants apart.

Two locks guard each tenant's rows: row-level security with FORCE, set per transaction, and an explicit tenant_id in
every key, index and query.
"""

from callmissed.foundation.database.direct import (
    FAILURES,
    PASSING,
    UNWRITABLE,
    AlreadyThere,
    DirectConnection,
    DirectTx,
)
from callmissed.foundation.database.drift import SchemaDrift, refuse_drift
from callmissed.foundation.database.isolation import CHECKS as ISOLATION_CHECKS
from callmissed.foundation.database.isolation import findings as isolation_findings
from callmissed.foundation.database.isolation import relations as tenant_relations
from callmissed.foundation.database.reach import AWAY, DRIVERS, out_of_reach
from callmissed.foundation.database.transactions import Database, Tx
from callmissed.foundation.database.watching import Seen

__all__ = [
    "AWAY",
    "DRIVERS",
    "FAILURES",
    "ISOLATION_CHECKS",
    "PASSING",
    "UNWRITABLE",
    "AlreadyThere",
    "Database",
    "DirectConnection",
    "DirectTx",
    "SchemaDrift",
    "Seen",
    "Tx",
    "isolation_findings",
    "out_of_reach",
    "refuse_drift",
    "tenant_relations",
]
