-- The count of all organizations together, through one month: the beginning of a statement
-- (docs/decisions/0029). Every event counts at its real instant. All events of one instant count as one
-- change, so a user moved at that instant is not counted twice. With both metrics, an organization counts
-- with the larger of the two at each instant. Events after `through` are ignored.
--
-- The counts that the month began with are the current ones less everything since. An event is recorded
-- at its real instant or later, so the events recorded since the month's start include all of these.
WITH frozen AS (
    SELECT coalesce(%(through)s, CASE WHEN %(as_billed)s THEN (
        SELECT coalesce(f.last_event_id, 0) FROM usage_frozenmonth f WHERE f.month >= %(first_day)s
        ORDER BY f.month LIMIT 1
    ) END, 9223372036854775807) AS through
), moves AS MATERIALIZED (
    SELECT c.organization_id, c.metric, e.id, e.delta, e.at, e.id <= frozen.through AS is_known,
           -- The database assigns events to months (docs/decisions/0004). A month in which a billed
           -- period begins is counted from that instant.
           e.at AT TIME ZONE policy.billing_time_zone >= %(first_day)s::date
               AND e.at >= coalesce(counted.counted_from, e.at) AS is_since,
           e.at AT TIME ZONE policy.billing_time_zone < %(next_first_day)s::date AS is_before_end
    FROM usage_organizationcounter c
    CROSS JOIN frozen
    JOIN tenants_meteringpolicy policy ON policy.id = 1
    LEFT JOIN usage_month_counted_from counted ON counted.month = %(first_day)s
    CROSS JOIN LATERAL (
        SELECT e.id, e.delta, coalesce(e.effective_at, e.at) AS at
        FROM usage_usageevent e
        WHERE e.organization_id = c.organization_id AND e.metric = c.metric AND e.at >= %(earliest)s
    ) e
    WHERE c.metric = ANY (%(metrics)s)
), since AS (
    SELECT organization_id, metric, sum(delta) AS delta
    FROM moves WHERE is_since OR NOT is_known GROUP BY organization_id, metric
), opening AS MATERIALIZED (
    SELECT organization_id,
           sum(count) FILTER (WHERE metric = 'users') AS users,
           sum(count) FILTER (WHERE metric = 'devices') AS devices,
           max(count) AS level
    FROM (
        SELECT c.organization_id, c.metric, c.count - coalesce(s.delta, 0) AS count
        FROM usage_organizationcounter c LEFT JOIN since s USING (organization_id, metric)
        WHERE c.metric = ANY (%(metrics)s)
    ) counted
    GROUP BY organization_id
), by_instant AS (
    SELECT organization_id, at,
           coalesce(sum(delta) FILTER (WHERE metric = 'users'), 0) AS users,
           coalesce(sum(delta) FILTER (WHERE metric = 'devices'), 0) AS devices
    FROM moves WHERE is_known AND is_since AND is_before_end
    GROUP BY organization_id, at
), counts AS (
    SELECT i.organization_id, i.at, o.level AS opening,
           o.users + sum(i.users) OVER in_order AS users,
           o.devices + sum(i.devices) OVER in_order AS devices
    FROM by_instant i JOIN opening o USING (organization_id)
    WINDOW in_order AS (PARTITION BY i.organization_id ORDER BY i.at)
), changes AS MATERIALIZED (
    SELECT organization_id, at, greatest(users, devices) AS level,
           CASE WHEN users >= devices OR devices IS NULL THEN 'users' ELSE 'devices' END AS metric,
           greatest(users, devices) - lag(greatest(users, devices), 1, opening) OVER (
               PARTITION BY organization_id ORDER BY at) AS change
    FROM counts
), carried_in AS (
    SELECT coalesce(sum(level), 0) AS level FROM opening
), levels AS MATERIALIZED (
    SELECT at, change, (SELECT level FROM carried_in) + sum(change) OVER (ORDER BY at) AS level
    FROM (SELECT at, sum(change) AS change FROM changes GROUP BY at) instants
)
