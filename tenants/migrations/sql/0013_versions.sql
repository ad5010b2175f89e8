-- A version counts up at every change of what an undo brings back, on every path
-- (docs/decisions/0063).

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE FUNCTION tenants_count_state_version() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.state_version := OLD.state_version + 1;
    RETURN NEW;
END $$;

CREATE TRIGGER tenants_user_state_version BEFORE UPDATE ON tenants_manageduser
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION tenants_count_state_version();

CREATE FUNCTION tenants_count_cap_version() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.cap_version := OLD.cap_version + 1;
    RETURN NEW;
END $$;

CREATE TRIGGER tenants_organization_cap_version BEFORE UPDATE ON tenants_organization
    FOR EACH ROW WHEN (NEW.user_cap IS DISTINCT FROM OLD.user_cap)
    EXECUTE FUNCTION tenants_count_cap_version();

-- An archived organization is a removed one (docs/decisions/0064). Not valid: it reads no row.
ALTER TABLE tenants_organization ADD CONSTRAINT tenants_organization_archived_is_removed
    CHECK (archived_at IS NULL OR (removed_at IS NOT NULL AND removed_at = archived_at)) NOT VALID;

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
