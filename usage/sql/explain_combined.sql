-- Follows combined_levels.sql: what the month began with, every local hour with events, and the two
-- highest local peaks that additions made, of all organizations together (docs/decisions/0009, 0029).
, hours AS (
    SELECT min(l.at) AS at, (max(ARRAY[extract(epoch FROM l.at), l.level]))[2] AS closing,
           max(l.level) AS highest, min(l.level) AS lowest,
           sum(e.added) AS added, sum(e.removed) AS removed
    FROM levels l
    JOIN (
        SELECT at, count(*) FILTER (WHERE delta = 1) AS added,
               count(*) FILTER (WHERE delta = -1) AS removed
        FROM moves WHERE is_known AND is_since AND is_before_end GROUP BY at
    ) e USING (at)
    JOIN tenants_meteringpolicy p ON p.id = 1
    GROUP BY date_trunc('hour', l.at AT TIME ZONE p.billing_time_zone)
), turns AS (
    SELECT at, level, change, lead(change) OVER in_order AS next_change, lead(at) OVER in_order AS until
    FROM levels WHERE change <> 0
    WINDOW in_order AS (ORDER BY at)
), local_peaks AS (
    SELECT at, level, until, count(*) OVER (PARTITION BY level) AS times
    FROM turns WHERE change > 0 AND (next_change < 0 OR next_change IS NULL)
    ORDER BY level DESC, at LIMIT 2
), additions AS (
    SELECT DISTINCT ON (p.at) p.at, m.id, count(*) OVER (PARTITION BY p.at) AS together
    FROM local_peaks p
    JOIN changes c ON c.at = p.at AND c.change > 0
    JOIN moves m ON m.organization_id = c.organization_id AND m.metric = c.metric AND m.at = c.at
        AND m.delta = 1 AND m.is_known
    ORDER BY p.at, m.id DESC
)
SELECT 0, (SELECT counted_from FROM usage_month_counted_from WHERE month = %(first_day)s),
       level::integer, NULL::integer, NULL::integer,
       (SELECT change FROM turns ORDER BY at LIMIT 1)::integer, NULL::integer,
       (SELECT at FROM turns ORDER BY at LIMIT 1), NULL::bigint, NULL::bigint, NULL::bigint,
       NULL::bigint, NULL, NULL::bigint, NULL, NULL, NULL::bigint, NULL
FROM carried_in
UNION ALL
SELECT 1, at, closing::integer, highest::integer, lowest::integer, added::integer, removed::integer,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM hours
UNION ALL
SELECT 2, p.at, p.level::integer, NULL, NULL, NULL, NULL,
       p.until, p.times, a.together, e.id, e.subject_id, s.name, e.actor_id, e.actor_name,
       e.via, o.id, o.name
FROM local_peaks p
JOIN additions a USING (at)
JOIN usage_usageevent e ON e.id = a.id
JOIN usage_subject s ON s.metric = e.metric AND s.id = e.subject_id
JOIN tenants_organization o ON o.id = e.organization_id
ORDER BY 1, 2
