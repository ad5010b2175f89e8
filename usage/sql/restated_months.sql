-- Recomputes the frozen months that miss an event: of each organization and metric, every frozen month
-- since the event's real month whose freeze had not seen it, with every event at its real instant. An event
-- before the instant from which its month is counted lies, as a "month", on the day before that month.
WITH late AS MATERIALIZED (
    SELECT organization_id, metric, id, month::timestamp AS first FROM usage_late_event
), affected AS (
    SELECT DISTINCT l.organization_id, l.metric, m.month::date AS month
    FROM late l
    CROSS JOIN LATERAL generate_series(
        l.first, (SELECT max(f.month) FROM usage_frozenmonth f), '1 month') m (month)
    WHERE l.id > coalesce((
        SELECT coalesce(f.last_event_id, 0) FROM usage_frozenmonth f WHERE f.month >= m.month
        ORDER BY f.month LIMIT 1), 0)
), events AS MATERIALIZED (
    SELECT e.id, e.organization_id, e.metric, e.subject_id, e.actor_name,
           coalesce(e.effective_at, e.at) AS at,
           date_trunc('month', coalesce(e.effective_at, e.at) AT TIME ZONE p.billing_time_zone)::date
               - coalesce(coalesce(e.effective_at, e.at) < c.counted_from, false)::integer AS month,
           sum(e.delta) OVER (PARTITION BY e.organization_id, e.metric
                              ORDER BY coalesce(e.effective_at, e.at), e.id) AS count
    FROM usage_usageevent e
    JOIN tenants_meteringpolicy p ON p.id = 1
    LEFT JOIN usage_month_counted_from c ON c.month = date_trunc(
        'month', coalesce(e.effective_at, e.at) AT TIME ZONE p.billing_time_zone)::date
    WHERE (e.organization_id, e.metric) IN (SELECT organization_id, metric FROM late)
), peaks AS (
    SELECT DISTINCT ON (organization_id, metric, month) *
    FROM events ORDER BY organization_id, metric, month, count DESC, at, id
), month_ends AS (
    -- The count at the end of a month with events holds until the next such month.
    SELECT last.*, lead(month) OVER (PARTITION BY organization_id, metric ORDER BY month) AS next
    FROM (
        SELECT DISTINCT ON (organization_id, metric, month) organization_id, metric, month, count
        FROM events ORDER BY organization_id, metric, month, at DESC, id DESC
    ) last
)
SELECT a.organization_id, o.name, a.metric, a.month,
       coalesce(peak.count, before.count, 0)::integer, peak.id, peak.at,
       coalesce(s.name, ''), coalesce(peak.actor_name, '')
FROM affected a
JOIN tenants_organization o ON o.id = a.organization_id
LEFT JOIN month_ends before
    ON before.organization_id = a.organization_id AND before.metric = a.metric
    AND before.month < a.month AND (before.next >= a.month OR before.next IS NULL)
LEFT JOIN peaks peak
    ON peak.organization_id = a.organization_id AND peak.metric = a.metric AND peak.month = a.month
    AND peak.count > coalesce(before.count, 0)
LEFT JOIN usage_subject s ON s.metric = peak.metric AND s.id = peak.subject_id
ORDER BY a.month, a.organization_id, a.metric
