-- The same day for every organization that changed after the day's end: the values at the day's end are
-- read from the events.
WITH changed AS (
    SELECT DISTINCT c.organization_id
    FROM usage_organizationcounter c
    JOIN tenants_organization o ON o.id = c.organization_id
    WHERE c.last_event_at >= %(end)s
        AND o.created_at < %(end)s AND (o.removed_at IS NULL OR o.removed_at >= %(start)s)
), span AS (
    SELECT coalesce((SELECT m.counted_from FROM usage_month_counted_from m
                     WHERE m.month = %(month)s AND m.counted_from < %(end)s), %(month_start)s) AS starts_at
), figures AS MATERIALIZED (
    SELECT c.organization_id, m.metric, coalesce(day_end.count, 0) AS count,
           greatest(before.count, highest.count, 0) AS high_water_mark
    FROM changed c CROSS JOIN (VALUES ('users'), ('devices')) m (metric) CROSS JOIN span
    LEFT JOIN LATERAL (
        SELECT e.count_after AS count FROM usage_usageevent e
        WHERE e.organization_id = c.organization_id AND e.metric = m.metric AND e.at < %(end)s
        ORDER BY e.at DESC, e.id DESC LIMIT 1
    ) day_end ON true
    LEFT JOIN LATERAL (
        SELECT e.count_after AS count FROM usage_usageevent e
        WHERE e.organization_id = c.organization_id AND e.metric = m.metric
            AND e.at < span.starts_at
        ORDER BY e.at DESC, e.id DESC LIMIT 1
    ) before ON true
    LEFT JOIN LATERAL (
        SELECT max(e.count_after) AS count FROM usage_usageevent e
        WHERE e.organization_id = c.organization_id AND e.metric = m.metric
            AND e.at >= span.starts_at AND e.at < %(end)s
    ) highest ON true
), taken AS (
    INSERT INTO usage_dailysnapshot (organization_id, day, users, devices,
                                     users_high_water_mark, devices_high_water_mark, active_users)
    SELECT u.organization_id, %(day)s, u.count, d.count, u.high_water_mark, d.high_water_mark,
           CASE WHEN a.latest_at >= %(end)s THEN (
                    SELECT count(*) FROM usage_activeuser s
                    WHERE s.organization_id = a.organization_id AND s.month = a.month
                        AND s.first_seen_at < %(end)s)
                ELSE coalesce(a.count, 0) END
    FROM figures u JOIN figures d USING (organization_id)
    LEFT JOIN usage_activemonth a
        ON a.organization_id = u.organization_id AND a.month = %(month)s
    WHERE u.metric = 'users' AND d.metric = 'devices'
    ON CONFLICT (organization_id, day) DO NOTHING
    RETURNING organization_id
)
UPDATE usage_snapshotrun SET organizations = organizations + (SELECT count(*) FROM taken)
WHERE id = %(run_id)s
