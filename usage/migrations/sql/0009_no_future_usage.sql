-- Usage more than five minutes in the future is refused, and so is every addition after the provider left
-- (docs/decisions/0003, 0031).
--
-- Refusals: MT006 the instant is in the future, MT007 the provider has left.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- The triggers call this only for instants ahead of the server's clock. Connections of tests, which live in
-- other months, set mtp.clock (mtp/database_limits.py); the setting moves the clock forward, never back.
CREATE FUNCTION usage_refuse_future() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    stated CONSTANT timestamptz := (to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz;
    clock CONSTANT timestamptz := nullif(current_setting('mtp.clock', true), '')::timestamptz;
BEGIN
    IF stated <= clock + interval '5 minutes' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'MT006', MESSAGE = format(
        '%s is %s, more than five minutes in the future.', TG_ARGV[0], stated);
END $$;

CREATE TRIGGER usage_user_added_in_future BEFORE INSERT ON tenants_manageduser
    FOR EACH ROW
    WHEN (isfinite(NEW.added_at) AND NEW.added_at > clock_timestamp() + interval '5 minutes')
    EXECUTE FUNCTION usage_refuse_future('added_at');
CREATE TRIGGER usage_user_removed_in_future BEFORE UPDATE ON tenants_manageduser
    FOR EACH ROW
    WHEN (isfinite(NEW.removed_at) AND NEW.removed_at > clock_timestamp() + interval '5 minutes')
    EXECUTE FUNCTION usage_refuse_future('removed_at');
CREATE TRIGGER usage_device_added_in_future BEFORE INSERT ON tenants_device
    FOR EACH ROW
    WHEN (isfinite(NEW.added_at) AND NEW.added_at > clock_timestamp() + interval '5 minutes')
    EXECUTE FUNCTION usage_refuse_future('added_at');
CREATE TRIGGER usage_device_removed_in_future BEFORE UPDATE ON tenants_device
    FOR EACH ROW
    WHEN (isfinite(NEW.removed_at) AND NEW.removed_at > clock_timestamp() + interval '5 minutes')
    EXECUTE FUNCTION usage_refuse_future('removed_at');
CREATE TRIGGER usage_active_in_future BEFORE INSERT ON usage_activeuser
    FOR EACH ROW
    WHEN (isfinite(NEW.first_seen_at)
          AND NEW.first_seen_at > clock_timestamp() + interval '5 minutes')
    EXECUTE FUNCTION usage_refuse_future('first_seen_at');
CREATE TRIGGER usage_lateactivity_in_future BEFORE INSERT ON usage_lateactivity
    FOR EACH ROW
    WHEN (isfinite(NEW.seen_at) AND NEW.seen_at > clock_timestamp() + interval '5 minutes')
    EXECUTE FUNCTION usage_refuse_future('seen_at');

-- The free allowance at the instant of an addition, which the counting trigger reads for users and devices:
-- none in a billed period. After the provider has left nothing can be added.
CREATE OR REPLACE FUNCTION usage_free_user_limit(policy tenants_meteringpolicy, at timestamptz)
RETURNS integer
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF policy.nothing_added_from <= at THEN
        RAISE EXCEPTION USING ERRCODE = 'MT007', MESSAGE = format(
            'The provider has left: nothing can be added from %s on.', policy.nothing_added_from);
    END IF;
    IF policy.free_user_limit IS NULL OR EXISTS (
        SELECT FROM tenants_billedperiod b
        WHERE b.starts_at <= at AND (b.ends_at IS NULL OR b.ends_at > at)) THEN
        RETURN NULL;
    END IF;
    RETURN policy.free_user_limit;
END $$;

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
