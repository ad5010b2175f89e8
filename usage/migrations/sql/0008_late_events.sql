-- The one place where it is decided which events were reported late: those whose real month was frozen when
-- they were recorded. A report out of order in an open month is none (docs/decisions/0016).
CREATE VIEW usage_late_event AS
    SELECT e.id, e.organization_id, e.metric, m.month
    FROM usage_usageevent e
    JOIN tenants_meteringpolicy p ON p.id = 1
    CROSS JOIN LATERAL (
        SELECT date_trunc('month', e.effective_at AT TIME ZONE p.billing_time_zone)::date AS month) m
    WHERE e.effective_at IS NOT NULL AND e.id > (
        SELECT coalesce(f.last_event_id, 0) FROM usage_frozenmonth f WHERE f.month >= m.month
        ORDER BY f.month LIMIT 1);
