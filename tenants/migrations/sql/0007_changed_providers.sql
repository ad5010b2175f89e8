-- Says in public that something of this provider changed, once for each transaction, so that the
-- scheduled rounds look at it again (docs/decisions/0044). The triggers of each app's tables that
-- a round reads call it.
--
-- The setting lasts as long as the transaction or savepoint that wrote the row: a change after a
-- savepoint that was rolled back writes another one. No row of another transaction is read or
-- locked. The function sets no search path, which would cost as much as the rest: every name is
-- qualified. The trigger's table names the schema, also after it was restored or renamed.
CREATE FUNCTION tenants_provider_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('mtp.changed', true) IS DISTINCT FROM TG_TABLE_SCHEMA THEN
        INSERT INTO public.accounts_providerchange (schema_name) VALUES (TG_TABLE_SCHEMA);
        PERFORM set_config('mtp.changed', TG_TABLE_SCHEMA, true);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON tenants_organization
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON tenants_meteringpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON tenants_billedperiod
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON tenants_alert
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON tenants_alertmailpreference
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
