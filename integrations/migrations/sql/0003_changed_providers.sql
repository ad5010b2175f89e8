-- What the scheduled rounds read (docs/decisions/0044); tenants/migrations/sql/0007_changed_providers.sql.
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON integrations_autotaskconnection
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON integrations_syncrun
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON integrations_drift
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON integrations_servicemapping
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
