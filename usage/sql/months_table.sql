-- High-water marks of the chosen organizations in the chosen months: first a row with the number of
-- organizations and their sums by month, then the rows of the requested page. A month without a row had
-- no event: its count is the one that the next month with a row carried in, or the current count
-- (docs/decisions/0004).
WITH chosen AS (
    SELECT o.id, o.name, o.removed_at, c.count
    FROM tenants_organization o
    JOIN usage_organizationcounter c ON c.organization_id = o.id AND c.metric = %(metric)s
    WHERE (%(visible)s::bigint[] IS NULL OR o.id = ANY (%(visible)s))
        AND strpos(o.name_key, %(search)s) > 0
), stored AS MATERIALIZED (
    SELECT o.id, m.month, m.high_water_mark
    FROM chosen o JOIN usage_monthlyusage m ON m.organization_id = o.id
    WHERE m.metric = %(metric)s AND m.month = ANY (%(months)s::date[])
), filled AS MATERIALIZED (
    SELECT * FROM stored
    UNION ALL
    SELECT o.id, requested.month, coalesce((
        SELECT l.carried_in FROM usage_monthlyusage l
        WHERE l.organization_id = o.id AND l.metric = %(metric)s AND l.month > requested.month
        ORDER BY l.month LIMIT 1
    ), o.count)
    FROM chosen o CROSS JOIN unnest(%(months)s::date[]) requested (month)
    WHERE NOT EXISTS (SELECT FROM stored s WHERE s.id = o.id AND s.month = requested.month)
), organizations AS (
    SELECT o.id, o.name, o.removed_at IS NOT NULL AS is_removed, summed.total
    FROM chosen o
    JOIN (SELECT id, sum(high_water_mark) AS total FROM filled GROUP BY id) summed USING (id)
    WHERE o.removed_at IS NULL OR summed.total > 0
), page AS (
    SELECT * FROM organizations ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM organizations), '', false, 0,
       (SELECT array_agg(total ORDER BY month)
        FROM (SELECT month, sum(high_water_mark) AS total FROM filled GROUP BY month) summed)
UNION ALL
(SELECT id, name, is_removed, total, array_agg(high_water_mark ORDER BY month)
 FROM page JOIN filled USING (id) GROUP BY id, name, is_removed, total ORDER BY {order})
