-- Follows combined_levels.sql: the highest count of all organizations together, and the addition that
-- reached it first; then the count of each organization at that instant. Without an addition the month
-- began with it.
, peak AS MATERIALIZED (
    SELECT at, level FROM levels WHERE level > (SELECT level FROM carried_in)
    ORDER BY level DESC, at LIMIT 1
), made AS (
    SELECT m.id FROM peak p
    JOIN changes c ON c.at = p.at AND c.change > 0
    JOIN moves m ON m.organization_id = c.organization_id AND m.metric = c.metric AND m.at = c.at
        AND m.delta = 1 AND m.is_known
    ORDER BY m.id DESC LIMIT 1
), shares AS (
    SELECT o.organization_id, coalesce(c.level, o.level) AS level,
           coalesce(c.metric, CASE WHEN o.users >= o.devices OR o.devices IS NULL THEN 'users'
                                   ELSE 'devices' END) AS metric
    FROM opening o
    LEFT JOIN (
        SELECT DISTINCT ON (organization_id) organization_id, level, metric FROM changes
        WHERE at <= (SELECT at FROM peak) ORDER BY organization_id, at DESC
    ) c USING (organization_id)
)
SELECT NULL::bigint, NULL, NULL, coalesce((SELECT level FROM peak), carried_in.level)::integer,
       carried_in.level::integer, (SELECT at FROM peak), e.id, e.organization_id,
       coalesce(n.name, ''), coalesce(e.actor_name, ''),
       (SELECT counted_from FROM usage_month_counted_from WHERE month = %(first_day)s)
FROM carried_in LEFT JOIN usage_usageevent e ON e.id = (SELECT id FROM made)
LEFT JOIN usage_subject n ON n.metric = e.metric AND n.id = e.subject_id
UNION ALL
SELECT s.organization_id, o.name, s.metric, s.level::integer, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM shares s JOIN tenants_organization o ON o.id = s.organization_id
WHERE s.level > 0
