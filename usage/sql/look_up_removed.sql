-- The same of users who are removed by now: of several of one name the one who was there last at the
-- instant told, else the one removed last. The removed ones of the organization are read once.
WITH removed AS MATERIALIZED (
    SELECT m.id, m.external_id, lower(m.email) AS email, m.added_at, m.removed_at
    FROM tenants_manageduser m
    WHERE m.organization_id = %(organization)s AND m.removed_at IS NOT NULL
), told AS (
    SELECT t.*, p.billing_time_zone AS zone, t.at < p.closed_through AS is_closed,
           date_trunc('month', t.at AT TIME ZONE p.billing_time_zone)::date AS month
    FROM unnest(%(places)s::int[], %(users)s::bigint[], %(external_ids)s::text[],
                %(emails)s::text[], %(instants)s::timestamptz[])
        AS t (place, user_id, external_id, email, at)
    CROSS JOIN tenants_meteringpolicy p
), named AS (
    SELECT t.place, t.at, r.id, r.removed_at FROM told t JOIN removed r
        ON r.external_id = t.external_id
    UNION ALL
    SELECT t.place, t.at, r.id, r.removed_at FROM told t JOIN removed r
        ON r.email = lower(t.email)
), chosen AS (
    SELECT DISTINCT ON (n.place) n.place, n.id, n.removed_at FROM named n
    ORDER BY n.place, (n.removed_at > n.at) DESC,
             CASE WHEN n.removed_at > n.at THEN n.removed_at END, n.removed_at DESC
)
SELECT t.place, c.id, c.removed_at, t.month,
       date_trunc('month', %(created_at)s::timestamptz AT TIME ZONE t.zone)::date,
       t.is_closed,
       EXISTS (SELECT FROM usage_activeuser a
               WHERE a.organization_id = %(organization)s AND a.month = t.month
                   AND a.user_id = c.id)
FROM told t LEFT JOIN chosen c USING (place)
ORDER BY t.place
