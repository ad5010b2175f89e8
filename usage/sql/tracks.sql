-- Each organization's counts up to an instant: what there was then, the peak of the month so far, and
-- the days with a change, as ages in whole days before the instant (usage/forecast/method.py).
WITH chosen AS MATERIALIZED (
    SELECT o.id, o.name, o.user_cap, o.removed_at IS NOT NULL AND o.removed_at <= %(at)s AS is_removed
    FROM tenants_organization o
    WHERE o.created_at <= %(at)s AND (%(visible)s::bigint[] IS NULL OR o.id = ANY (%(visible)s))
        AND (%(only)s::bigint IS NULL OR o.id = %(only)s)
), days AS (
    SELECT e.organization_id, e.metric,
           floor(extract(epoch FROM %(at)s - e.at) / 86400)::integer AS age,
           max(e.count_after) AS high,
           (array_agg(e.count_after ORDER BY e.id DESC))[1] AS level,
           (array_agg(e.count_after - e.delta ORDER BY e.id))[1] AS before
    FROM usage_usageevent e
    WHERE e.at > %(since)s AND e.at <= %(at)s AND e.metric = ANY (%(metrics)s)
        AND (%(only)s::bigint IS NULL OR e.organization_id = %(only)s)
    GROUP BY 1, 2, 3
), changed AS (
    SELECT organization_id, metric,
           array_agg(age ORDER BY age DESC) AS ages, array_agg(high ORDER BY age DESC) AS highs,
           array_agg(level ORDER BY age DESC) AS levels,
           (array_agg(before ORDER BY age DESC))[1] AS opening,
           (array_agg(level ORDER BY age))[1] AS present
    FROM days GROUP BY 1, 2
), late AS MATERIALIZED (
    SELECT DISTINCT organization_id, metric FROM usage_usageevent WHERE effective_at IS NOT NULL
), month_peaks AS (
    SELECT e.organization_id, e.metric, max(greatest(e.count_after, e.count_after - e.delta)) AS peak
    FROM usage_usageevent e
    WHERE e.at >= coalesce(
            (SELECT c.counted_from FROM usage_month_counted_from c
             WHERE c.month = %(month)s AND c.counted_from <= %(at)s), %(month_start)s)
        AND e.at <= %(at)s AND e.metric = ANY (%(metrics)s)
        AND (%(only)s::bigint IS NULL OR e.organization_id = %(only)s)
        AND (e.organization_id, e.metric) NOT IN (SELECT organization_id, metric FROM late)
    GROUP BY 1, 2
    UNION ALL
    -- Reported out of order or late: counted again at the real instants.
    SELECT organization_id, metric, max(greatest(level, level - delta)) AS peak
    FROM (
        SELECT e.organization_id, e.metric, e.delta, coalesce(e.effective_at, e.at) AS at,
               sum(e.delta) OVER (PARTITION BY e.organization_id, e.metric
                                  ORDER BY coalesce(e.effective_at, e.at), e.id) AS level
        FROM usage_usageevent e
        WHERE (e.organization_id, e.metric) IN (SELECT organization_id, metric FROM late)
            AND e.at <= %(at)s AND e.metric = ANY (%(metrics)s)
            AND (%(only)s::bigint IS NULL OR e.organization_id = %(only)s)
    ) again
    WHERE at >= coalesce(
            (SELECT c.counted_from FROM usage_month_counted_from c
             WHERE c.month = %(month)s AND c.counted_from <= %(at)s), %(month_start)s)
    GROUP BY 1, 2
)
SELECT o.id, o.name, o.user_cap, o.is_removed, m.metric,
       coalesce(c.present, long_ago.count_after, 0),
       coalesce(p.peak, c.present, long_ago.count_after, 0),
       coalesce(c.opening, long_ago.count_after, 0),
       coalesce(c.ages, '{}'), coalesce(c.highs, '{}'), coalesce(c.levels, '{}')
FROM chosen o
CROSS JOIN unnest(%(metrics)s::text[]) m (metric)
LEFT JOIN changed c ON c.organization_id = o.id AND c.metric = m.metric
LEFT JOIN month_peaks p ON p.organization_id = o.id AND p.metric = m.metric
LEFT JOIN LATERAL (
    SELECT e.count_after FROM usage_usageevent e
    WHERE c.organization_id IS NULL AND e.organization_id = o.id AND e.metric = m.metric
        AND e.at <= %(since)s
    ORDER BY e.at DESC, e.id DESC LIMIT 1
) long_ago ON true
ORDER BY o.id, m.metric DESC
