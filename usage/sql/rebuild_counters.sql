-- Follows replayed.sql: writes the replayed counters; returns one row for each that differed or was
-- missing.
, replayed AS (
    SELECT o.id AS organization_id, m.metric, coalesce(l.count, 0) AS count, l.last_event_at
    FROM tenants_organization o
    CROSS JOIN (VALUES ('users'), ('devices')) m (metric)
    LEFT JOIN counters l ON l.organization_id = o.id AND l.metric = m.metric
)
INSERT INTO usage_organizationcounter AS c (organization_id, metric, count, last_event_at)
SELECT organization_id, metric, count, last_event_at FROM replayed
ON CONFLICT (organization_id, metric) DO UPDATE
    SET count = excluded.count, last_event_at = excluded.last_event_at
    WHERE (c.count, c.last_event_at) IS DISTINCT FROM (excluded.count, excluded.last_event_at)
RETURNING c.organization_id
