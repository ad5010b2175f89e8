-- One organization's month of one metric, read once: every local hour in which something moved, and
-- the two highest crests that an addition made (docs/decisions/0009).
WITH moves AS MATERIALIZED (
    SELECT id, at, delta, count_after,
           lead(delta) OVER in_order AS next_delta, lead(at) OVER in_order AS next_at
    FROM usage_usageevent
    WHERE organization_id = %(organization_id)s AND metric = %(metric)s
        AND at >= %(start)s AND at < %(end)s
    WINDOW in_order AS (ORDER BY at, id)
), hours AS (
    SELECT min(id) AS id, min(at) AS at,
           (min(ARRAY[id, count_after - delta]))[2] AS opening,
           (min(ARRAY[id, delta]))[2] AS first_delta,
           (max(ARRAY[id, count_after]))[2] AS level,
           max(count_after) AS highest, min(count_after) AS lowest,
           count(*) FILTER (WHERE delta = 1) AS added, count(*) FILTER (WHERE delta = -1) AS removed
    FROM moves GROUP BY date_trunc('hour', at AT TIME ZONE %(zone)s)
), crests AS (
    SELECT id, at, count_after AS level, next_at, count(*) OVER (PARTITION BY count_after) AS times
    FROM moves WHERE delta = 1 AND next_delta IS DISTINCT FROM 1
    ORDER BY count_after DESC, id LIMIT 2
)
SELECT true AS is_hour, id, at, level, opening, first_delta, highest, lowest, added, removed,
       NULL::timestamptz AS next_at, NULL::bigint AS times, NULL::bigint AS together,
       NULL::bigint AS subject_id, NULL AS subject_name,
       NULL::bigint AS actor_id, NULL AS actor_name, NULL AS via
FROM hours
UNION ALL
SELECT false, c.id, c.at, c.level, NULL, NULL, NULL, NULL, NULL, NULL,
       c.next_at, c.times,
       (SELECT count(*) FROM moves m WHERE m.at = c.at AND m.delta = 1 AND m.id <= c.id),
       e.subject_id, e.subject_name, e.actor_id, e.actor_name, e.via
FROM crests c JOIN usage_usageevent e ON e.id = c.id
ORDER BY is_hour, id
