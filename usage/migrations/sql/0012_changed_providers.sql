-- What the scheduled rounds read (docs/decisions/0044); tenants/migrations/sql/0007_changed_providers.sql.
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON usage_organizationcounter
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON usage_activemonth
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
