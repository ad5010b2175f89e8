-- Months as they really were: of each organization to which something was told late, the months from
-- the one it belonged to up to the one it was counted in, with every event at its real instant.
WITH late AS MATERIALIZED (
    SELECT e.organization_id, e.metric,
           date_trunc('month', e.effective_at AT TIME ZONE p.billing_time_zone) AS first,
           date_trunc('month', e.at AT TIME ZONE p.billing_time_zone) AS counted
    FROM usage_usageevent e JOIN tenants_meteringpolicy p ON p.id = 1
    WHERE e.effective_at IS NOT NULL
), affected AS (
    SELECT DISTINCT l.organization_id, l.metric, m.month::date AS month
    FROM late l
    CROSS JOIN LATERAL generate_series(l.first, l.counted - interval '1 day', '1 month') m (month)
), told AS MATERIALIZED (
    SELECT e.id, e.organization_id, e.metric, e.delta, e.subject_name, e.actor_name,
           coalesce(e.effective_at, e.at) AS at,
           date_trunc('month', coalesce(e.effective_at, e.at) AT TIME ZONE p.billing_time_zone)::date
               AS month,
           sum(e.delta) OVER (PARTITION BY e.organization_id, e.metric
                              ORDER BY coalesce(e.effective_at, e.at), e.id) AS level
    FROM usage_usageevent e JOIN tenants_meteringpolicy p ON p.id = 1
    WHERE (e.organization_id, e.metric) IN (SELECT organization_id, metric FROM late)
), peaks AS (
    SELECT DISTINCT ON (organization_id, metric, month) *
    FROM told ORDER BY organization_id, metric, month, level DESC, at, id
), ends AS (
    -- The level each month with an event ended at holds until the next such month.
    SELECT last.*, lead(month) OVER (PARTITION BY organization_id, metric ORDER BY month) AS next
    FROM (
        SELECT DISTINCT ON (organization_id, metric, month) organization_id, metric, month, level
        FROM told ORDER BY organization_id, metric, month, at DESC, id DESC
    ) last
)
SELECT a.organization_id, o.name, a.metric, a.month, coalesce(before.level, 0)::integer,
       peak.level::integer, peak.id, peak.at, peak.subject_name, peak.actor_name
FROM affected a
JOIN tenants_organization o ON o.id = a.organization_id
LEFT JOIN ends before
    ON before.organization_id = a.organization_id AND before.metric = a.metric
    AND before.month < a.month AND (before.next >= a.month OR before.next IS NULL)
LEFT JOIN peaks peak
    ON peak.organization_id = a.organization_id AND peak.metric = a.metric AND peak.month = a.month
ORDER BY a.month, a.organization_id, a.metric
