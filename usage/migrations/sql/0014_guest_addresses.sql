-- Guests who were added by the name that Microsoft Entra gives to their account get the address inside of
-- it, as core.addresses.user_address() reads such a name now: ann_x.example#EXT#@y.example is ann@x.example.
-- The name becomes an alias by the trigger usage_user_renamed. Where another user is known by the address,
-- both rows stay as they are.
UPDATE tenants_manageduser m
SET email = g.address, address_key = g.address
FROM (
    SELECT DISTINCT ON (u.organization_id, n.address) u.id, u.organization_id, n.address
    FROM tenants_manageduser u
    CROSS JOIN LATERAL (
        SELECT regexp_replace(u.address_key, '^(.+)_([^_@<>#]+)#ext#@.*$', '\1@\2') AS address
    ) n
    WHERE u.removed_at IS NULL AND u.address_key LIKE '%#ext#@%' AND NOT u.is_double
        AND n.address ~ '^[a-z0-9._+-]+@[a-z0-9.-]*[a-z0-9]$' AND n.address !~ 'xn--'
    ORDER BY u.organization_id, n.address, u.id
) g
WHERE m.id = g.id
    AND NOT EXISTS (
        SELECT FROM tenants_manageduser o
        WHERE o.organization_id = g.organization_id AND o.address_key = g.address AND o.removed_at IS NULL)
    AND NOT EXISTS (
        SELECT FROM tenants_useralias a JOIN tenants_manageduser o ON o.id = a.user_id
        WHERE a.organization_id = g.organization_id AND a.kind = 'address' AND a.key = g.address
            AND a.ended_at IS NULL AND o.removed_at IS NULL);
