-- The log of the current schema replayed, and every place where something else says otherwise:
-- (organization_id, metric, what, expected, found). One statement, so one snapshot.
WITH log AS (
    SELECT e.*, sum(e.delta) OVER in_order AS level, lag(e.at) OVER in_order AS previous_at,
           date_trunc('month', e.at AT TIME ZONE p.billing_time_zone)::date AS month
    FROM usage_usageevent e JOIN tenants_meteringpolicy p ON p.id = 1
    WINDOW in_order AS (PARTITION BY e.organization_id, e.metric ORDER BY e.id)
), counters AS (
    SELECT organization_id, metric, sum(delta) AS count, max(at) AS last_event_at
    FROM log GROUP BY organization_id, metric
), opened AS (
    SELECT organization_id, metric, month, max(level) AS highest,
           (array_agg(level - delta ORDER BY id))[1] AS carried_in,
           (array_agg(id ORDER BY level DESC, id))[1] AS highest_id,
           (array_agg(at ORDER BY level DESC, id))[1] AS highest_at
    FROM log GROUP BY organization_id, metric, month
), months AS (
    SELECT organization_id, metric, month, carried_in,
           greatest(carried_in, highest) AS high_water_mark,
           CASE WHEN highest > carried_in THEN highest_at END AS peak_at,
           CASE WHEN highest > carried_in THEN highest_id END AS peak_event_id
    FROM opened
    UNION ALL
    -- A closed month without events holds the level before it.
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
), rows_there AS (
    SELECT 'users' AS metric, id, organization_id, removed_at FROM tenants_manageduser
    UNION ALL
    SELECT 'devices', id, organization_id, removed_at FROM tenants_device
), subjects AS (
    SELECT metric, subject_id, min(organization_id) AS organization_id,
           max(organization_id) AS also_in, count(*) FILTER (WHERE delta = 1) AS times_added,
           count(*) FILTER (WHERE delta = -1) AS times_removed
    FROM usage_usageevent GROUP BY metric, subject_id
)
SELECT organization_id, metric, format('count after event %s', id), level::text, count_after::text
FROM log WHERE count_after <> level OR delta NOT IN (1, -1)
UNION ALL
SELECT organization_id, metric, format('instant of event %s', id), previous_at::text, at::text
FROM log WHERE at < previous_at
UNION ALL
SELECT organization_id, metric, 'counter',
       format('%s, last at %s', coalesce(l.count, 0), l.last_event_at),
       format('%s, last at %s', c.count, c.last_event_at)
FROM counters l FULL JOIN usage_organizationcounter c USING (organization_id, metric)
WHERE (coalesce(l.count, 0), l.last_event_at) IS DISTINCT FROM (c.count, c.last_event_at)
UNION ALL
SELECT organization_id, metric, format('month %s', month),
       format('%s to %s, peak %s at %s', l.carried_in, l.high_water_mark, l.peak_event_id, l.peak_at),
       format('%s to %s, peak %s at %s', m.carried_in, m.high_water_mark, m.peak_event_id, m.peak_at)
FROM months l FULL JOIN usage_monthlyusage m USING (organization_id, metric, month)
WHERE (l.carried_in, l.high_water_mark, l.peak_event_id, l.peak_at)
    IS DISTINCT FROM (m.carried_in, m.high_water_mark, m.peak_event_id, m.peak_at)
UNION ALL
SELECT coalesce(r.organization_id, s.organization_id), coalesce(r.metric, s.metric),
       format('events of %s', coalesce(r.id, s.subject_id)),
       format('organization %s: added %s, removed %s times', r.organization_id,
              (r.id IS NOT NULL)::int, (r.removed_at IS NOT NULL)::int),
       format('organization %s: added %s, removed %s times', s.organization_id,
              coalesce(s.times_added, 0), coalesce(s.times_removed, 0))
FROM subjects s FULL JOIN rows_there r ON r.metric = s.metric AND r.id = s.subject_id
WHERE (r.organization_id, r.organization_id, (r.id IS NOT NULL)::int, (r.removed_at IS NOT NULL)::int)
    IS DISTINCT FROM (s.organization_id, s.also_in, s.times_added, s.times_removed)
