-- The users that a report of activity means: living ones by e-mail or external id, any by id. With
-- the instant's month, the one the organization began in, and whether the month is closed and the
-- user counted in it.
SELECT told.place, u.id, u.removed_at, told.month,
       date_trunc('month', %(created_at)s::timestamptz AT TIME ZONE told.zone)::date,
       told.is_closed,
       EXISTS (SELECT FROM usage_activeuser a
               WHERE a.organization_id = %(organization)s AND a.month = told.month
                   AND a.user_id = u.id)
FROM (
    SELECT t.*, p.billing_time_zone AS zone, t.at < p.closed_through AS is_closed,
           date_trunc('month', t.at AT TIME ZONE p.billing_time_zone)::date AS month
    FROM unnest(%(places)s::int[], %(users)s::bigint[], %(external_ids)s::text[],
                %(emails)s::text[], %(instants)s::timestamptz[])
        AS t (place, user_id, external_id, email, at)
    CROSS JOIN tenants_meteringpolicy p
) told
LEFT JOIN LATERAL (
    SELECT m.id, m.removed_at FROM tenants_manageduser m
    WHERE m.id = told.user_id AND m.organization_id = %(organization)s
    UNION ALL
    SELECT m.id, m.removed_at FROM tenants_manageduser m
    WHERE told.external_id IS NOT NULL AND m.organization_id = %(organization)s
        AND m.removed_at IS NULL AND m.external_id = told.external_id
    UNION ALL
    SELECT m.id, m.removed_at FROM tenants_manageduser m
    WHERE told.email IS NOT NULL AND m.organization_id = %(organization)s
        AND m.removed_at IS NULL AND lower(m.email) = lower(told.email)
    LIMIT 1
) u ON true
ORDER BY told.place
