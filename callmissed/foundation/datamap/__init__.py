"""The data map: each column says what it holds, each table how long it lives, or the class does not load.

Notice, retention, access, erasure, encryption and log scrubbing are read from here; nobody writes the list of tables a
second time. Stores that are no tables (files, queues, caches, log fields) are entries too: `declare_store`.
"""

from callmissed.foundation.datamap.declare import (
    Category,
    Holds,
    Keep,
    Whose,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)
from callmissed.foundation.datamap.rows import (
    ControlTable,
    NotDeclared,
    Row,
    Sealed,
    TenantLog,
    TenantTable,
    column,
)
from callmissed.foundation.datamap.stores import Store, declare_store, stores
from callmissed.foundation.datamap.view import (
    Entry,
    entries,
    erasable_tables,
    is_tenant_table,
    outlives_tenant,
    tables,
)

__all__ = [
    "Category",
    "ControlTable",
    "Entry",
    "Holds",
    "Keep",
    "NotDeclared",
    "Row",
    "Sealed",
    "Store",
    "TenantLog",
    "TenantTable",
    "Whose",
    "column",
    "declare_store",
    "entries",
    "erasable_tables",
    "is_tenant_table",
    "metadata_of",
    "nothing",
    "outlives_tenant",
    "personal",
    "pseudonym",
    "stores",
    "tables",
]
