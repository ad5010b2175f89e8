-- High-water marks of the chosen organizations in the chosen months: first a row of what all of them
-- add up to and how many there are, then the asked ones. A month without a row had no event: its
-- level is the one carried into the next month with a row, or the present count (levels.py).
WITH chosen AS (
    SELECT o.id, o.name, o.removed_at, c.count
    FROM tenants_organization o
    JOIN usage_organizationcounter c ON c.organization_id = o.id AND c.metric = %(metric)s
    WHERE (%(visible)s::bigint[] IS NULL OR o.id = ANY (%(visible)s))
        AND strpos(lower(o.name), lower(%(search)s)) > 0
), marks AS MATERIALIZED (
    SELECT o.id, o.name, o.removed_at, asked.month,
           coalesce(m.high_water_mark, later.carried_in, o.count) AS mark
    FROM chosen o
    CROSS JOIN unnest(%(months)s::date[]) asked (month)
    LEFT JOIN usage_monthlyusage m
        ON m.organization_id = o.id AND m.metric = %(metric)s AND m.month = asked.month
    LEFT JOIN LATERAL (
        SELECT l.carried_in FROM usage_monthlyusage l
        WHERE m.id IS NULL AND l.organization_id = o.id AND l.metric = %(metric)s
            AND l.month > asked.month
        ORDER BY l.month LIMIT 1
    ) later ON true
), organizations AS (
    SELECT id, name, removed_at IS NOT NULL AS is_removed,
           array_agg(mark ORDER BY month) AS marks, sum(mark) AS total
    FROM marks GROUP BY id, name, removed_at
    HAVING removed_at IS NULL OR sum(mark) > 0
)
SELECT (SELECT count(*) FROM organizations), '', false,
       (SELECT array_agg(mark ORDER BY month)
        FROM (SELECT month, sum(mark) AS mark FROM marks GROUP BY month) summed),
       (SELECT sum(mark) FROM marks)
UNION ALL
(SELECT * FROM organizations ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s)
