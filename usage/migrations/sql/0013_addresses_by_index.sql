-- Known addresses are found by index (docs/decisions/0049, 0051). The queries of 0011_identities.sql could not
-- use the partial index of one identity, because they did not say whether a row is a double: each added user
-- read all users of the provider.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE OR REPLACE FUNCTION usage_check_new_addresses() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan TO off AS $$
BEGIN
    PERFORM usage_refuse_known_address((
        SELECT a.email FROM added a
        WHERE a.is_double
            OR (SELECT m.id FROM tenants_manageduser m
                WHERE m.organization_id = a.organization_id AND m.address_key = a.address_key
                    AND m.removed_at IS NULL AND NOT m.is_double AND m.id <> a.id
                    AND (m.external_id IS NULL OR a.external_id IS NULL)
                LIMIT 1) IS NOT NULL
            OR (SELECT m.id FROM tenants_manageduser m
                WHERE m.organization_id = a.organization_id AND m.address_key = a.address_key
                    AND m.removed_at IS NULL AND m.is_double AND m.id <> a.id
                    AND (m.external_id IS NULL OR a.external_id IS NULL)
                LIMIT 1) IS NOT NULL
            OR (SELECT m.id FROM tenants_useralias l JOIN tenants_manageduser m ON m.id = l.user_id
                WHERE l.organization_id = a.organization_id AND l.kind = 'address'
                    AND l.key = a.address_key AND l.ended_at IS NULL
                    AND m.removed_at IS NULL AND m.id <> a.id
                    AND (m.external_id IS NULL OR a.external_id IS NULL)
                LIMIT 1) IS NOT NULL
        LIMIT 1));
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION usage_user_renamed() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan TO off AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM usage_refuse_isolation();
    END IF;
    PERFORM pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint);
    PERFORM FROM usage_organizationcounter c
        WHERE c.metric = 'users' AND c.organization_id = NEW.organization_id
        FOR UPDATE;
    PERFORM usage_refuse_known_address(NEW.email)
        FROM tenants_manageduser m
        WHERE m.organization_id = NEW.organization_id AND m.address_key = NEW.address_key
            AND m.removed_at IS NULL AND NOT m.is_double AND m.id <> NEW.id AND NOT NEW.is_double
            AND (m.external_id IS NULL OR NEW.external_id IS NULL);
    PERFORM usage_refuse_known_address(NEW.email)
        FROM tenants_manageduser m
        WHERE m.organization_id = NEW.organization_id AND m.address_key = NEW.address_key
            AND m.removed_at IS NULL AND m.is_double AND m.id <> NEW.id AND NOT NEW.is_double
            AND (m.external_id IS NULL OR NEW.external_id IS NULL);
    IF NEW.address_key = OLD.address_key THEN
        RETURN NULL;
    END IF;
    PERFORM usage_refuse_known_address(NEW.email)
        FROM tenants_useralias l JOIN tenants_manageduser m ON m.id = l.user_id
        WHERE l.organization_id = NEW.organization_id AND l.kind = 'address'
            AND l.key = NEW.address_key AND l.ended_at IS NULL
            AND m.removed_at IS NULL AND m.id <> NEW.id
            AND (m.external_id IS NULL OR NEW.external_id IS NULL);
    UPDATE tenants_useralias SET ended_at = now()
        WHERE user_id = NEW.id AND kind = 'address' AND key = NEW.address_key AND ended_at IS NULL;
    INSERT INTO tenants_useralias (organization_id, user_id, kind, text, key)
        VALUES (NEW.organization_id, NEW.id, 'address', OLD.email, OLD.address_key)
        ON CONFLICT (user_id, kind, key) DO UPDATE SET ended_at = NULL, text = excluded.text;
    RETURN NULL;
END $$;

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
