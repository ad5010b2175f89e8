-- The users named by sightings: current ones by e-mail or external id, also an earlier one, any by id. With the instant's
-- month, the organization's first month, whether the month is closed, and whether the user is counted
-- in it.
SELECT seen.position, u.id, u.removed_at, seen.month,
       date_trunc('month', %(created_at)s::timestamptz AT TIME ZONE seen.zone)::date,
       seen.is_closed,
       EXISTS (SELECT FROM usage_activeuser a
               WHERE a.organization_id = %(organization)s AND a.month = seen.month
                   AND (a.user_id = u.id
                        -- The rows of a person whose removal was undone are one active user.
                        OR (u.same_person_as_id IS NOT NULL AND a.user_id IN (
                            SELECT m.id FROM tenants_manageduser m
                            WHERE m.organization_id = %(organization)s
                                AND u.same_person_as_id IN (m.id, m.same_person_as_id)))))
FROM (
    SELECT s.*, p.billing_time_zone AS zone, s.at < p.closed_through AS is_closed,
           date_trunc('month', s.at AT TIME ZONE p.billing_time_zone)::date AS month
    FROM unnest(%(positions)s::int[], %(users)s::bigint[], %(external_ids)s::text[],
                %(keys)s::text[], %(instants)s::timestamptz[])
        AS s (position, user_id, external_id, key, at)
    CROSS JOIN tenants_meteringpolicy p
) seen
LEFT JOIN LATERAL (
    SELECT m.id, m.removed_at, m.same_person_as_id FROM tenants_manageduser m
    WHERE m.id = seen.user_id AND m.organization_id = %(organization)s
    UNION ALL
    SELECT m.id, m.removed_at, m.same_person_as_id FROM tenants_manageduser m
    WHERE seen.external_id IS NOT NULL AND m.organization_id = %(organization)s
        AND m.removed_at IS NULL AND m.external_id = seen.external_id
    UNION ALL
    (SELECT m.id, m.removed_at, m.same_person_as_id FROM tenants_manageduser m
     WHERE m.organization_id = %(organization)s AND m.removed_at IS NULL AND m.address_key = seen.key
     ORDER BY m.id LIMIT 1)
    UNION ALL
    (SELECT m.id, m.removed_at, m.same_person_as_id FROM tenants_useralias l JOIN tenants_manageduser m ON m.id = l.user_id
     WHERE l.organization_id = %(organization)s AND l.ended_at IS NULL AND m.removed_at IS NULL
        AND ((l.kind = 'external_id' AND l.key = seen.external_id)
             OR (l.kind = 'address' AND l.key = seen.key))
     ORDER BY m.id LIMIT 1)
    LIMIT 1
) u ON true
ORDER BY seen.position
