-- One day for every organization without an event after the day's end: the current values are those of
-- the day. Returns the run's id (null when the day has a snapshot already), and the number of counters
-- that are left to snapshot_changed.sql.
WITH taken AS (
    INSERT INTO usage_dailysnapshot (organization_id, day, users, devices,
                                     users_high_water_mark, devices_high_water_mark, active_users)
    SELECT o.id, %(day)s,
           max(c.count) FILTER (WHERE c.metric = 'users'),
           max(c.count) FILTER (WHERE c.metric = 'devices'),
           max(coalesce(m.high_water_mark, c.count)) FILTER (WHERE c.metric = 'users'),
           max(coalesce(m.high_water_mark, c.count)) FILTER (WHERE c.metric = 'devices'),
           CASE WHEN a.latest_at >= %(end)s THEN (
                    SELECT count(*) FROM usage_activeuser s
                    WHERE s.organization_id = o.id AND s.month = %(month)s
                        AND s.first_seen_at < %(end)s)
                ELSE coalesce(a.count, 0) END
    FROM tenants_organization o
    JOIN usage_organizationcounter c ON c.organization_id = o.id
    LEFT JOIN usage_monthlyusage m
        ON m.organization_id = o.id AND m.metric = c.metric AND m.month = %(month)s
    LEFT JOIN usage_activemonth a ON a.organization_id = o.id AND a.month = %(month)s
    WHERE o.created_at < %(end)s AND (o.removed_at IS NULL OR o.removed_at >= %(start)s)
        AND NOT EXISTS (SELECT FROM usage_snapshotrun WHERE day = %(day)s)
    GROUP BY o.id, a.latest_at, a.count
    HAVING bool_and(c.last_event_at < %(end)s OR c.last_event_at IS NULL)
    ON CONFLICT (organization_id, day) DO NOTHING
    RETURNING organization_id
), run AS (
    INSERT INTO usage_snapshotrun (day, started_at, finished_at, organizations, differences)
    SELECT %(day)s, %(now)s, %(now)s, count(*), 0 FROM taken
    ON CONFLICT (day) DO NOTHING
    RETURNING id
)
SELECT (SELECT id FROM run),
       (SELECT count(*) FROM usage_organizationcounter WHERE last_event_at >= %(end)s)
