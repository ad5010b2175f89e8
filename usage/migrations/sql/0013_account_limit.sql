-- The most users of all organizations together, which operations set (docs/decisions/0061). Beside the
-- counting triggers of 0002_metering.sql, so that no way in passes them.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- Before any counter is locked, so that two transactions take their locks in one order. Additions wait for
-- each other only in a provider that has a limit.
CREATE FUNCTION usage_lock_account_limit() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM tenants_meteringpolicy WHERE account_limit IS NOT NULL) THEN
        PERFORM pg_advisory_xact_lock('tenants_meteringpolicy'::regclass::oid::bigint);
    END IF;
    RETURN NULL;
END $$;

-- Raises the error of a user cap, with 'account_limit' as the reason.
CREATE FUNCTION usage_check_account_limit() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    most CONSTANT integer := (SELECT account_limit FROM tenants_meteringpolicy WHERE id = 1);
    total bigint;
    asked bigint;
BEGIN
    IF most IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*) INTO asked FROM added;
    SELECT coalesce(sum(c.count), 0) INTO total
        FROM usage_organizationcounter c JOIN tenants_organization o ON o.id = c.organization_id
        WHERE c.metric = 'users' AND o.removed_at IS NULL;
    IF asked > 0 AND total > most THEN
        RAISE EXCEPTION USING ERRCODE = 'MT001', MESSAGE =
            format('All organizations have %s users and may have %s: %s more are refused.',
                   total - asked, most, asked),
            DETAIL = json_build_object(
                'organization_id', (SELECT min(a.organization_id) FROM added a), 'cap', most,
                'count', total - asked, 'asked', asked, 'because', 'account_limit');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_user_account_limit BEFORE INSERT OR UPDATE ON tenants_manageduser
    FOR EACH STATEMENT EXECUTE FUNCTION usage_lock_account_limit();
-- By its name after usage_user_added, which counts.
CREATE TRIGGER usage_user_within_account_limit AFTER INSERT ON tenants_manageduser
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_check_account_limit();

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
