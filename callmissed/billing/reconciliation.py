"""Reconciliation: does what was used agree with what was charged, request by request, and every balance with its sum?

Compares rows, not totals: a lost usage record would look like unspent money in any total. Of a tenant that was erased the
books stay and the usage goes, so only its sums are compared.
"""

from sqlalchemy import text

from callmissed.billing.views import Reconciliation
from callmissed.foundation.database import Tx

# One statement, so one snapshot: requests under way do not look wrong. Usage lives for 90 days and the ledger for years:
# all that both must still have is compared, also when every usage record is gone. Two charges of one request are summed.
COMPARED = text("""
WITH span AS (SELECT now() - interval '89 days' AS since),
gone AS (SELECT tenant_id FROM closed_tenant WHERE erasing_at IS NOT NULL),
billed AS (
  SELECT tenant_id, at, id, price_micro FROM usage_record, span
  WHERE price_micro > 0 AND at >= span.since AND tenant_id NOT IN (SELECT tenant_id FROM gone)
),
charged AS (
  SELECT tenant_id, at, ref, sum(amount_micro) AS amount_micro FROM ledger_entry, span
  WHERE kind = 'usage' AND debit = 'wallet' AND at >= span.since AND tenant_id NOT IN (SELECT tenant_id FROM gone)
  GROUP BY tenant_id, at, ref
),
requests AS (
  SELECT count(b.id) AS billed_requests,
    count(*) FILTER (WHERE c.ref IS NULL) AS wrong_uncharged,
    count(*) FILTER (WHERE b.id IS NULL) AS wrong_unrecorded,
    count(*) FILTER (WHERE c.amount_micro <> b.price_micro) AS wrong_amount
  FROM billed b FULL JOIN charged c ON c.tenant_id = b.tenant_id AND c.at = b.at AND c.ref = b.id
),
entered AS (
  SELECT tenant_id, sum(CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END) AS amount
  FROM ledger_entry GROUP BY tenant_id
),
held AS (SELECT tenant_id, sum(amount_micro) AS amount FROM wallet_hold GROUP BY tenant_id),
wallets AS (
  SELECT count(w.id) AS wallets,
    count(*) FILTER (WHERE coalesce(w.balance_micro, 0) <> coalesce(e.amount, 0)) AS wrong_balances,
    count(*) FILTER (WHERE coalesce(w.held_micro, 0) <> coalesce(h.amount, 0)) AS wrong_holds
  FROM wallet w FULL JOIN entered e ON e.tenant_id = w.tenant_id
  FULL JOIN held h ON h.tenant_id = coalesce(w.tenant_id, e.tenant_id)
)
SELECT * FROM requests, wallets
""")


async def reconcile(tx: Tx) -> Reconciliation:
    """Compare everything this transaction may see: all tenants for the verifier, one for a tenant.

    Figures: `billed_requests`, `wallets`, and counts of what is wrong, each under a name that begins with `wrong_`.
    """
    row = (await tx.session.execute(COMPARED)).mappings().one()
    return Reconciliation({name: int(value) for name, value in row.items()})
