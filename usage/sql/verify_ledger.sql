-- Follows replayed.sql: every stored value that differs from the events, as (organization_id, metric,
-- what, expected, found). One statement, so one snapshot of the database.
, subject_rows AS (
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
FROM subjects s FULL JOIN subject_rows r ON r.metric = s.metric AND r.id = s.subject_id
WHERE (r.organization_id, r.organization_id, (r.id IS NOT NULL)::int, (r.removed_at IS NOT NULL)::int)
    IS DISTINCT FROM (s.organization_id, s.also_in, s.times_added, s.times_removed)
UNION ALL
SELECT organization_id, 'users', format('active users of %s', to_char(month, 'YYYY-MM')),
       coalesce(a.count, 0)::text, coalesce(m.count, 0)::text
FROM usage_activemonth m
FULL JOIN (
    SELECT organization_id, month, count(*) AS count FROM usage_activeuser GROUP BY 1, 2
) a USING (organization_id, month)
WHERE coalesce(a.count, 0) <> coalesce(m.count, 0)
