-- Undoes 0009_no_future_usage.sql.
DROP TRIGGER usage_user_added_in_future ON tenants_manageduser;
DROP TRIGGER usage_user_removed_in_future ON tenants_manageduser;
DROP TRIGGER usage_device_added_in_future ON tenants_device;
DROP TRIGGER usage_device_removed_in_future ON tenants_device;
DROP TRIGGER usage_active_in_future ON usage_activeuser;
DROP TRIGGER usage_lateactivity_in_future ON usage_lateactivity;
DROP FUNCTION usage_refuse_future();

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE OR REPLACE FUNCTION usage_free_user_limit(policy tenants_meteringpolicy, at timestamptz)
RETURNS integer
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF policy.nothing_added_from <= at THEN
        RETURN 0;
    END IF;
    IF policy.free_user_limit IS NULL OR EXISTS (
        SELECT FROM tenants_billedperiod b
        WHERE b.starts_at <= at AND (b.ends_at IS NULL OR b.ends_at > at)) THEN
        RETURN NULL;
    END IF;
    RETURN policy.free_user_limit;
END $$;

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
