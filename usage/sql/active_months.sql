-- Active users of the chosen organizations in the chosen months: first a row of what all of them add
-- up to and how many there are, then the asked ones. A month without a row had nobody.
WITH chosen AS (
    SELECT o.id, o.name, o.removed_at, o.mau_limit, coalesce(m.count, 0) AS now_active
    FROM tenants_organization o
    LEFT JOIN usage_activemonth m ON m.organization_id = o.id AND m.month = %(month)s
    WHERE (%(visible)s::bigint[] IS NULL OR o.id = ANY (%(visible)s))
        AND (%(organization)s::bigint IS NULL OR o.id = %(organization)s)
        AND strpos(lower(o.name), lower(%(search)s)) > 0
), there AS MATERIALIZED (
    SELECT m.organization_id AS id, m.month, m.count
    FROM chosen o JOIN usage_activemonth m ON m.organization_id = o.id
    WHERE m.month = ANY (%(months)s::date[])
), organizations AS (
    SELECT o.* FROM chosen o
    WHERE (o.removed_at IS NULL OR o.id IN (SELECT id FROM there))
        AND CASE %(filter)s
            WHEN 'reached' THEN o.removed_at IS NULL AND now_active >= o.mau_limit
            WHEN 'near' THEN o.removed_at IS NULL AND now_active < o.mau_limit
                AND now_active + %(near)s >= o.mau_limit
            WHEN 'limited' THEN o.mau_limit IS NOT NULL
            WHEN 'unlimited' THEN o.mau_limit IS NULL
            ELSE true END
), page AS (
    SELECT * FROM organizations WHERE id > %(behind)s ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM organizations), '', false, NULL::integer,
       (SELECT array_agg(coalesce(summed.count, 0) ORDER BY asked.month)
        FROM unnest(%(months)s::date[]) asked (month)
        LEFT JOIN (SELECT month, sum(count) AS count FROM there JOIN organizations USING (id)
                   GROUP BY month) summed USING (month))
UNION ALL
(SELECT p.id, p.name, p.removed_at IS NOT NULL, p.mau_limit,
        array_agg(coalesce(t.count, 0) ORDER BY asked.month)
 FROM page p CROSS JOIN unnest(%(months)s::date[]) asked (month)
 LEFT JOIN there t ON t.id = p.id AND t.month = asked.month
 GROUP BY p.id, p.name, p.removed_at, p.mau_limit, p.now_active
 ORDER BY {order})
