-- The counters and months that follow from the events of the current schema. The beginning of a
-- statement that compares them with the stored ones, or writes them.
WITH log AS (
    SELECT e.*, sum(e.delta) OVER in_order AS level, lag(e.at) OVER in_order AS previous_at,
           date_trunc('month', e.at AT TIME ZONE p.billing_time_zone)::date AS month,
           coalesce(e.at < c.counted_from, false) AS is_before
    FROM usage_usageevent e
    JOIN tenants_meteringpolicy p ON p.id = 1
    LEFT JOIN usage_month_counted_from c
        ON c.month = date_trunc('month', e.at AT TIME ZONE p.billing_time_zone)::date
    WINDOW in_order AS (PARTITION BY e.organization_id, e.metric ORDER BY e.id)
), counters AS (
    SELECT organization_id, metric, sum(delta) AS count, max(at) AS last_event_at
    FROM log GROUP BY organization_id, metric
), opened AS (
    -- Events before the instant from which the month is counted belong to the count carried in.
    SELECT organization_id, metric, month, max(level) FILTER (WHERE NOT is_before) AS highest,
           coalesce((array_agg(level ORDER BY id DESC) FILTER (WHERE is_before))[1],
                    (array_agg(level - delta ORDER BY id))[1]) AS carried_in,
           (array_agg(id ORDER BY level DESC, id) FILTER (WHERE NOT is_before))[1] AS highest_id,
           (array_agg(at ORDER BY level DESC, id) FILTER (WHERE NOT is_before))[1] AS highest_at
    FROM log GROUP BY organization_id, metric, month
), months AS (
    SELECT organization_id, metric, month, carried_in,
           greatest(carried_in, highest) AS high_water_mark,
           CASE WHEN highest > carried_in THEN highest_at END AS peak_at,
           CASE WHEN highest > carried_in THEN highest_id END AS peak_event_id
    FROM opened
    UNION ALL
    -- A closed month without events has the count from before it.
    SELECT m.organization_id, m.metric, m.month, before.level, before.level, NULL, NULL
    FROM usage_monthlyusage m
    JOIN tenants_meteringpolicy p ON p.id = 1
    CROSS JOIN LATERAL (SELECT coalesce((
        SELECT e.count_after FROM usage_usageevent e
        WHERE e.organization_id = m.organization_id AND e.metric = m.metric
            AND e.at < m.month::timestamp AT TIME ZONE p.billing_time_zone
        ORDER BY e.at DESC, e.id DESC LIMIT 1
    ), 0) AS level) before
    WHERE NOT EXISTS (
        SELECT FROM opened o
        WHERE o.organization_id = m.organization_id AND o.metric = m.metric AND o.month = m.month
    )
)
