-- The same for removed users. Of several with the same name, the one who was present at the instant and
-- removed first after it; else the one removed last. Reads the organization's removed users once.
WITH removed AS MATERIALIZED (
    SELECT m.id, m.external_id, m.address_key, m.removed_at
    FROM tenants_manageduser m
    WHERE m.organization_id = %(organization)s AND m.removed_at IS NOT NULL
), seen AS (
    SELECT s.*, p.billing_time_zone AS zone, s.at < p.closed_through AS is_closed,
           date_trunc('month', s.at AT TIME ZONE p.billing_time_zone)::date AS month
    FROM unnest(%(positions)s::int[], %(users)s::bigint[], %(external_ids)s::text[],
                %(keys)s::text[], %(instants)s::timestamptz[])
        AS s (position, user_id, external_id, key, at)
    CROSS JOIN tenants_meteringpolicy p
), named AS (
    SELECT s.position, s.at, r.id, r.removed_at FROM seen s JOIN removed r
        ON r.external_id = s.external_id
    UNION ALL
    SELECT s.position, s.at, r.id, r.removed_at FROM seen s JOIN removed r
        ON r.address_key = s.key
    UNION ALL
    SELECT s.position, s.at, r.id, r.removed_at FROM seen s
        JOIN tenants_useralias l ON l.organization_id = %(organization)s AND l.ended_at IS NULL
            AND ((l.kind = 'external_id' AND l.key = s.external_id)
                 OR (l.kind = 'address' AND l.key = s.key))
        JOIN removed r ON r.id = l.user_id
), chosen AS (
    SELECT DISTINCT ON (n.position) n.position, n.id, n.removed_at FROM named n
    ORDER BY n.position, (n.removed_at > n.at) DESC,
             CASE WHEN n.removed_at > n.at THEN n.removed_at END, n.removed_at DESC
)
SELECT s.position, c.id, c.removed_at, s.month,
       date_trunc('month', %(created_at)s::timestamptz AT TIME ZONE s.zone)::date,
       s.is_closed,
       EXISTS (SELECT FROM usage_activeuser a
               WHERE a.organization_id = %(organization)s AND a.month = s.month
                   AND a.user_id = c.id)
FROM seen s LEFT JOIN chosen c USING (position)
ORDER BY s.position
