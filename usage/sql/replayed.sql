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
), late AS MATERIALIZED (
    SELECT DISTINCT organization_id, metric FROM usage_usageevent WHERE effective_at IS NOT NULL
), opened AS (
    -- Events before the instant from which the month is counted belong to the count carried in.
    SELECT organization_id, metric, month, max(level) FILTER (WHERE NOT is_before) AS highest,
           coalesce((array_agg(level ORDER BY id DESC) FILTER (WHERE is_before))[1],
                    (array_agg(level - delta ORDER BY id))[1]) AS carried_in,
           (array_agg(id ORDER BY level DESC, id) FILTER (WHERE NOT is_before))[1] AS highest_id,
           (array_agg(at ORDER BY level DESC, id) FILTER (WHERE NOT is_before))[1] AS highest_at
    FROM log WHERE (organization_id, metric) NOT IN (SELECT organization_id, metric FROM late)
    GROUP BY organization_id, metric, month
), real_moves AS MATERIALIZED (
    -- Of organizations with reports out of order or late. An event before the instant from which its
    -- month is counted lies, as a "month", on the day before it.
    SELECT e.organization_id, e.metric, e.id, e.delta, r.at,
           date_trunc('month', r.at AT TIME ZONE p.billing_time_zone)::date
               - coalesce(r.at < c.counted_from, false)::integer AS month
    FROM usage_usageevent e
    JOIN late USING (organization_id, metric)
    JOIN tenants_meteringpolicy p ON p.id = 1
    CROSS JOIN LATERAL (SELECT coalesce(e.effective_at, e.at) AS at) r
    LEFT JOIN usage_month_counted_from c
        ON c.month = date_trunc('month', r.at AT TIME ZONE p.billing_time_zone)::date
), real_months AS (
    -- A frozen month includes the events until its freeze (usage.models.FrozenMonth).
    SELECT k.organization_id, k.metric, k.month, known.through
    FROM (
        SELECT organization_id, metric, date_trunc('month', month + 1)::date AS month, min(id) AS first_id
        FROM real_moves GROUP BY 1, 2, 3
        UNION
        SELECT organization_id, metric, month, 0 FROM usage_monthlyusage
        WHERE (organization_id, metric) IN (SELECT organization_id, metric FROM late)
    ) k
    CROSS JOIN LATERAL (SELECT coalesce((
        SELECT coalesce(f.last_event_id, 0) FROM usage_frozenmonth f WHERE f.month >= k.month
        ORDER BY f.month LIMIT 1), 9223372036854775807) AS through) known
    GROUP BY k.organization_id, k.metric, k.month, known.through
    HAVING min(k.first_id) <= known.through
), months AS (
    SELECT organization_id, metric, month, carried_in,
           greatest(carried_in, highest) AS high_water_mark,
           CASE WHEN highest > carried_in THEN highest_at END AS peak_at,
           CASE WHEN highest > carried_in THEN highest_id END AS peak_event_id
    FROM opened
    UNION ALL
    SELECT r.organization_id, r.metric, r.month, level.carried_in,
           greatest(level.carried_in, level.highest),
           CASE WHEN level.highest > level.carried_in THEN level.highest_at END,
           CASE WHEN level.highest > level.carried_in THEN level.highest_id END
    FROM real_months r
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(k.delta) FILTER (WHERE k.month < r.month), 0) AS carried_in,
               max(k.level) FILTER (WHERE k.month = r.month) AS highest,
               (array_agg(k.id ORDER BY k.level DESC, k.at, k.id)
                   FILTER (WHERE k.month = r.month))[1] AS highest_id,
               (array_agg(k.at ORDER BY k.level DESC, k.at, k.id)
                   FILTER (WHERE k.month = r.month))[1] AS highest_at
        FROM (
            SELECT v.*, sum(v.delta) OVER (ORDER BY v.at, v.id) AS level
            FROM real_moves v
            WHERE v.organization_id = r.organization_id AND v.metric = r.metric
                AND v.id <= r.through AND v.month <= r.month
        ) k
    ) level
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
    WHERE (m.organization_id, m.metric) NOT IN (SELECT organization_id, metric FROM late)
        AND NOT EXISTS (
            SELECT FROM opened o
            WHERE o.organization_id = m.organization_id AND o.metric = m.metric
                AND o.month = m.month
        )
)
