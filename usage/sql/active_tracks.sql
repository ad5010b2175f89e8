-- The input of a forecast of active users (usage/forecast/active_users_method.py), as known at an
-- instant. A row for each organization, with three lists by month: the users active by the instant (in a
-- past month: by the same share of the month), those active in the whole month, and the users it had.
-- Then, without an id, a row for each month: all organizations' active users by the day on which they
-- were first seen. To compare months of different lengths, each is divided into as many days as the
-- current month has.
WITH requested AS MATERIALIZED (
    SELECT m.month, m.starts_at, m.cut_at,
           ARRAY(SELECT m.starts_at + (m.ends_at - m.starts_at) * (day / %(days)s::float8)
                 FROM generate_series(1, %(days)s - 1) day ORDER BY day) AS days
    FROM unnest(%(months)s::date[], %(starts)s::timestamptz[], %(cuts)s::timestamptz[],
                %(ends)s::timestamptz[]) m (month, starts_at, cut_at, ends_at)
), chosen AS MATERIALIZED (
    SELECT o.id, o.name, o.mau_limit,
           o.removed_at IS NOT NULL AND o.removed_at <= %(at)s AS is_removed
    FROM tenants_organization o
    WHERE o.created_at <= %(at)s AND (%(visible)s::bigint[] IS NULL OR o.id = ANY (%(visible)s))
), seen AS (
    SELECT a.organization_id, a.month, width_bucket(a.first_seen_at, m.days) + 1 AS day,
           a.first_seen_at <= m.cut_at AS is_before
    FROM usage_activeuser a
    JOIN requested m ON m.month = a.month
    JOIN chosen o ON o.id = a.organization_id
    LEFT JOIN usage_month_counted_from c ON c.month = a.month AND c.counted_from <= %(at)s
    WHERE a.first_seen_at <= %(at)s AND a.reported_at <= %(at)s
        -- Billed are those first seen from the agreement on (docs/decisions/0031).
        AND (c.counted_from IS NULL OR a.first_seen_at >= c.counted_from)
), summed AS MATERIALIZED (
    SELECT organization_id, month, day, count(*)::integer AS final,
           count(*) FILTER (WHERE is_before)::integer AS reached
    FROM seen GROUP BY GROUPING SETS ((organization_id, month), (month, day))
), users AS (
    SELECT u.organization_id, m.month, count(*)::integer AS count
    FROM tenants_manageduser u
    JOIN requested m
        ON u.added_at <= m.cut_at AND (u.removed_at IS NULL OR u.removed_at > m.starts_at)
    GROUP BY 1, 2
)
SELECT o.id, o.name, o.mau_limit, o.is_removed,
       array_agg(coalesce(c.reached, 0) ORDER BY m.month),
       array_agg(coalesce(c.final, 0) ORDER BY m.month),
       array_agg(coalesce(u.count, 0) ORDER BY m.month)
FROM chosen o
CROSS JOIN requested m
LEFT JOIN summed c ON c.organization_id = o.id AND c.month = m.month
LEFT JOIN users u ON u.organization_id = o.id AND u.month = m.month
GROUP BY o.id, o.name, o.mau_limit, o.is_removed
UNION ALL
SELECT NULL, m.month::text, NULL, false, array_agg(coalesce(d.final, 0) ORDER BY n.day), NULL, NULL
FROM requested m
CROSS JOIN generate_series(1, %(days)s) n (day)
LEFT JOIN summed d ON d.month = m.month AND d.day = n.day
GROUP BY m.month
ORDER BY 1, 2
