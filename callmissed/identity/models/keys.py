"""The secrets that call /v1, what narrows them, and who owns them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import Category, Keep, TenantTable, Whose, column, nothing, pseudonym
from callmissed.identity.models.tenants import TENANT

NONE = text("'{}'")

READ_KEYS = """
-- What is known of keys, of many tenants in one statement. Each line of $1 asks for a key by the keyed hash of a secret (`lookup`), or by
-- `tenant_id` and `key_id`, and lists with which secrets it was used; that is noted, once a minute. Returns, by the number of the
-- line, one document; without one are keys that nobody has.
CREATE OR REPLACE FUNCTION cm.read_keys(batch text, looked_up text, moment timestamptz) RETURNS TABLE (line int, found text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE asked json;
BEGIN
  SELECT json_agg(json_build_object('line', i.line, 'used', i.used,
    'tenant_id', coalesce(i.tenant_id, d.tenant_id), 'key_id', coalesce(i.key_id, d.target_id))) INTO asked
  FROM json_to_recordset(batch::json) AS i(line int, lookup text, tenant_id uuid, key_id uuid, used json)
  LEFT JOIN LATERAL (SELECT e.tenant_id, e.target_id FROM public.directory_entry e
    WHERE e.kind = looked_up AND e.lookup = i.lookup ORDER BY e.target_id LIMIT 1) AS d ON true;
  PERFORM cm.work_for(ARRAY(SELECT DISTINCT i.tenant_id FROM json_to_recordset(asked) AS i(tenant_id uuid) WHERE tenant_id IS NOT NULL));
  SET LOCAL synchronous_commit = off;  -- the minute of the last use may be lost with the server
  RETURN QUERY
  WITH item AS MATERIALIZED (
    SELECT i.line, i.used, t.state, t.plan, t.india_only, t.own_keys, k.*, r.retired,
      EXISTS (SELECT FROM public.closed_tenant c WHERE c.tenant_id = i.tenant_id) AS closed,
      k.service_account_id IS NOT NULL OR k.created_by IS NULL OR EXISTS (SELECT FROM public.membership m
        WHERE m.tenant_id = k.tenant_id AND m.user_id = k.created_by) AS owned
    FROM json_to_recordset(asked) AS i(line int, tenant_id uuid, key_id uuid, used json)
    JOIN public.tenant t ON t.id = i.tenant_id
    JOIN public.api_key k ON k.tenant_id = i.tenant_id AND k.id = i.key_id
    CROSS JOIN LATERAL (SELECT coalesce(json_agg(json_build_object('serial', s.serial, 'works_until', s.works_until,
        'secret_hash', encode(s.secret_hash, 'base64')) ORDER BY s.serial DESC), '[]') AS retired
      FROM public.retired_secret s WHERE s.tenant_id = i.tenant_id AND s.key_id = i.key_id) AS r
  ), working AS MATERIALIZED (
    SELECT * FROM item WHERE revoked_at IS NULL AND state = 'active' AND owned AND NOT closed
  ), noted AS (
    UPDATE public.api_key k SET last_used_at = moment FROM (
      SELECT o.tenant_id, o.id FROM working w JOIN public.api_key o ON o.tenant_id = w.tenant_id AND o.id = w.id
      WHERE o.last_used_at IS NULL OR o.last_used_at < moment - interval '50 seconds' FOR NO KEY UPDATE OF o SKIP LOCKED) AS old
    WHERE k.tenant_id = old.tenant_id AND k.id = old.id
  ), noted_too AS (
    UPDATE public.retired_secret k SET last_used_at = moment FROM (
      SELECT o.tenant_id, o.id FROM working w CROSS JOIN LATERAL json_array_elements_text(w.used) AS u(hash)
      JOIN public.retired_secret o ON o.tenant_id = w.tenant_id AND o.secret_hash = decode(u.hash, 'hex')
      WHERE o.last_used_at IS NULL OR o.last_used_at < moment - interval '50 seconds' FOR NO KEY UPDATE OF o SKIP LOCKED) AS old
    WHERE k.tenant_id = old.tenant_id AND k.id = old.id
  )
  SELECT i.line, json_build_object('tenant_id', i.tenant_id, 'id', i.id, 'closed', i.closed, 'state', i.state,
    'plan', i.plan, 'own_keys', i.own_keys, 'india_only', i.india_only, 'owned', i.owned, 'revoked_at', i.revoked_at,
    'secret_hash', encode(i.secret_hash, 'base64'), 'permissions', i.permissions, 'scopes', i.scopes,
    'monthly_budget', i.monthly_budget, 'end_user_budget', i.end_user_budget, 'expires_at', i.expires_at,
    'requests_per_minute', i.requests_per_minute, 'tokens_per_minute', i.tokens_per_minute, 'models', i.models,
    'origins', i.origins, 'networks', i.networks, 'options', i.options, 'grounds', i.bot_id,
    'serial', i.serial, 'retired', i.retired)::text FROM item i;
  PERFORM cm.work_for(NULL);
END $$
"""
"""The reading of `identity/key_reading.py`. A use that somebody who changes the key keeps locked is noted a minute later."""


class ApiKey(TenantTable):
    """A secret that calls /v1 for a tenant. Shown once; kept as a keyed hash only."""

    __tablename__ = "api_key"
    __batched__ = True
    __keep__ = TENANT
    __sql__ = (
        READ_KEYS,
        "REVOKE ALL ON FUNCTION cm.read_keys(text, text, timestamptz) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION cm.read_keys(text, text, timestamptz) TO cm_app, cm_worker",
    )
    __table_args__ = (UniqueConstraint("tenant_id", "secret_hash"),)

    name: Mapped[str] = column(nothing("a label for the team"), String(80))
    last_four: Mapped[str] = column(nothing("the last characters, to tell keys apart"), String(4))
    secret_hash: Mapped[bytes] = column(
        nothing("keyed hash of the secret", Category.SECRET_HASH), LargeBinary
    )
    permissions: Mapped[list[str]] = column(nothing("the services it may use"), ARRAY(String(20)))
    monthly_budget: Mapped[int | None] = column(
        nothing("the most it may spend in a month, in micro-rupees", Category.MONEY), BigInteger
    )
    created_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who made it"))
    end_user_budget: Mapped[int | None] = column(
        nothing("the most that may be spent in a month for each end user, in micro-rupees", Category.MONEY),
        BigInteger,
    )
    expires_at: Mapped[datetime | None] = column(nothing("until when it works"))
    last_used_at: Mapped[datetime | None] = column(nothing("when it was last used, to the minute"))
    revoked_at: Mapped[datetime | None] = column(nothing("when it was revoked"))
    scopes: Mapped[list[str]] = column(
        nothing("what it may do in the management API"), ARRAY(String(40)), server_default=NONE
    )
    requests_per_minute: Mapped[int | None] = column(nothing("the most requests in a minute"), Integer)
    tokens_per_minute: Mapped[int | None] = column(nothing("the most tokens in a minute"), Integer)
    models: Mapped[list[str]] = column(
        nothing("the models it may ask, with * for any characters; none: all"),
        ARRAY(String(200)),
        server_default=NONE,
    )
    origins: Mapped[list[str]] = column(
        nothing("the websites whose pages may use it; none: programs only"),
        ARRAY(String(200)),
        server_default=NONE,
    )
    networks: Mapped[list[str]] = column(
        nothing("the address ranges it may call from; none: all"), ARRAY(String(50)), server_default=NONE
    )
    options: Mapped[list[str]] = column(
        nothing("what is done besides with its requests; none: nothing"),
        ARRAY(String(20)),
        server_default=NONE,
    )
    log_days: Mapped[int] = column(
        nothing("for how many days what it asks is kept, where it is kept"),
        SmallInteger,
        default=7,
        server_default=text("7"),
    )
    bot_id: Mapped[UUID | None] = column(
        nothing("the bot whose knowledge its answers rest on, where a request names none")
    )
    service_account_id: Mapped[UUID | None] = column(nothing("the service account that owns it"))
    serial: Mapped[int] = column(
        nothing("which secret of the key this is, from 1"), Integer, default=1, server_default=text("1")
    )
    rotated_at: Mapped[datetime | None] = column(nothing("when it got this secret, if not the first"))
    rotated_by: Mapped[UUID | None] = column(
        pseudonym(Whose.USER, "who was shown this secret, if not the first")
    )


class RetiredSecret(TenantTable):
    """A secret that a key had before, which may work on for a few days while programs change over."""

    __tablename__ = "retired_secret"
    __batched__ = True
    __keep__ = Keep(days=30, anchor="works_until", promise="keep.active")
    __table_args__ = (
        UniqueConstraint("tenant_id", "secret_hash"),
        Index("ix_retired_secret_key_id", "tenant_id", "key_id"),
    )

    key_id: Mapped[UUID] = column(nothing("the key it belonged to"))
    serial: Mapped[int] = column(nothing("which secret of the key it was"), Integer)
    last_four: Mapped[str] = column(nothing("the last characters, to tell secrets apart"), String(4))
    secret_hash: Mapped[bytes] = column(
        nothing("keyed hash of the secret", Category.SECRET_HASH), LargeBinary
    )
    works_until: Mapped[datetime] = column(nothing("until when it works beside its successor"))
    last_used_at: Mapped[datetime | None] = column(nothing("when it was last used, to the minute"))


class ServiceAccount(TenantTable):
    """A member that is no person: the keys it owns work on when whoever made them leaves."""

    __tablename__ = "service_account"
    __keep__ = TENANT
    __table_args__ = (
        Index(
            "uq_service_account_name",
            "tenant_id",
            "name",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    name: Mapped[str] = column(nothing("a label for the team"), String(80))
    created_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who made it"))
    closed_at: Mapped[datetime | None] = column(nothing("when it was closed, with all its keys"))
