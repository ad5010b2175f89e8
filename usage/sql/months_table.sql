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
), stored AS (
    SELECT o.id, m.month, m.carried_in, m.high_water_mark
    FROM chosen o JOIN usage_monthlyusage m ON m.organization_id = o.id
    WHERE m.metric = %(metric)s
        AND m.month >= (SELECT min(month) FROM unnest(%(months)s::date[]) requested (month))
    UNION ALL
    SELECT id, 'infinity', count, NULL FROM chosen
), since AS (
    -- Each row with the month of the one before: what it carried in is the count of all months between.
    SELECT *, lag(month) OVER (PARTITION BY id ORDER BY month) AS before FROM stored
), filled AS MATERIALIZED (
    SELECT s.id, requested.month,
           CASE WHEN s.month = requested.month THEN s.high_water_mark ELSE s.carried_in END
               AS high_water_mark
    FROM since s
    JOIN unnest(%(months)s::date[]) requested (month)
        ON requested.month <= s.month AND (s.before IS NULL OR requested.month > s.before)
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
