-- High-water marks of the chosen organizations in the chosen months: first a row of what all of them
-- add up to and how many there are, then the asked ones. A month without a row had no event: its
-- level is the one carried into the next month with a row, or the present count (levels.py).
WITH chosen AS (
    SELECT o.id, o.name, o.removed_at, c.count
    FROM tenants_organization o
    JOIN usage_organizationcounter c ON c.organization_id = o.id AND c.metric = %(metric)s
    WHERE (%(visible)s::bigint[] IS NULL OR o.id = ANY (%(visible)s))
        AND strpos(lower(o.name), lower(%(search)s)) > 0
), there AS MATERIALIZED (
    SELECT o.id, m.month, m.high_water_mark AS mark
    FROM chosen o JOIN usage_monthlyusage m ON m.organization_id = o.id
    WHERE m.metric = %(metric)s AND m.month = ANY (%(months)s::date[])
), marks AS MATERIALIZED (
    SELECT * FROM there
    UNION ALL
    SELECT o.id, asked.month, coalesce((
        SELECT l.carried_in FROM usage_monthlyusage l
        WHERE l.organization_id = o.id AND l.metric = %(metric)s AND l.month > asked.month
        ORDER BY l.month LIMIT 1
    ), o.count)
    FROM chosen o CROSS JOIN unnest(%(months)s::date[]) asked (month)
    WHERE NOT EXISTS (SELECT FROM there t WHERE t.id = o.id AND t.month = asked.month)
), organizations AS (
    SELECT o.id, o.name, o.removed_at IS NOT NULL AS is_removed, summed.total
    FROM chosen o JOIN (SELECT id, sum(mark) AS total FROM marks GROUP BY id) summed USING (id)
    WHERE o.removed_at IS NULL OR summed.total > 0
), page AS (
    SELECT * FROM organizations ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM organizations), '', false, 0,
       (SELECT array_agg(mark ORDER BY month)
        FROM (SELECT month, sum(mark) AS mark FROM marks GROUP BY month) summed)
UNION ALL
(SELECT id, name, is_removed, total, array_agg(mark ORDER BY month)
 FROM page JOIN marks USING (id) GROUP BY id, name, is_removed, total ORDER BY {order})
