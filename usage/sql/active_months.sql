-- Active users of the chosen organizations in the chosen months: first a row with the number of
-- organizations and their sums by month, then the rows of the requested page. A month without a row has
-- no active users.
WITH chosen AS (
    SELECT o.id, o.name, o.removed_at, o.mau_limit, coalesce(m.count, 0) AS active
    FROM tenants_organization o
    LEFT JOIN usage_activemonth m ON m.organization_id = o.id AND m.month = %(month)s
    WHERE (%(visible)s::bigint[] IS NULL OR o.id = ANY (%(visible)s))
        AND (%(organization)s::bigint IS NULL OR o.id = %(organization)s)
        AND strpos(o.name_key, %(search)s) > 0
), stored AS MATERIALIZED (
    SELECT m.organization_id AS id, m.month, m.count
    FROM chosen o JOIN usage_activemonth m ON m.organization_id = o.id
    WHERE m.month = ANY (%(months)s::date[])
), organizations AS (
    SELECT o.* FROM chosen o
    WHERE (o.removed_at IS NULL OR o.id IN (SELECT id FROM stored))
        AND CASE %(filter)s
            WHEN 'reached' THEN o.removed_at IS NULL AND active >= o.mau_limit
            WHEN 'near' THEN o.removed_at IS NULL AND active < o.mau_limit
                AND active + %(near)s >= o.mau_limit
            WHEN 'limited' THEN o.mau_limit IS NOT NULL
            WHEN 'unlimited' THEN o.mau_limit IS NULL
            ELSE true END
), page AS (
    SELECT * FROM organizations WHERE id > %(after)s ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM organizations), '', false, NULL::integer,
       (SELECT array_agg(coalesce(summed.count, 0) ORDER BY requested.month)
        FROM unnest(%(months)s::date[]) requested (month)
        LEFT JOIN (SELECT month, sum(count) AS count FROM stored JOIN organizations USING (id)
                   GROUP BY month) summed USING (month))
UNION ALL
(SELECT p.id, p.name, p.removed_at IS NOT NULL, p.mau_limit,
        array_agg(coalesce(s.count, 0) ORDER BY requested.month)
 FROM page p CROSS JOIN unnest(%(months)s::date[]) requested (month)
 LEFT JOIN stored s ON s.id = p.id AND s.month = requested.month
 GROUP BY p.id, p.name, p.removed_at, p.mau_limit, p.active
 ORDER BY {order})
