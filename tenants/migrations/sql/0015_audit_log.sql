-- The audit log is only ever added to. One change is let through: a user of an organization is erased
-- (docs/decisions/0036), and the rows about that user lose the names, and nothing else.
CREATE FUNCTION tenants_audit_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    names CONSTANT text[] := '{external_id,email,name,alias}';
    erasable CONSTANT text[] := '{subject,before,after}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF starts_with(OLD.action, 'user.')
            AND NEW.subject ~ '^Erased user #[0-9]+$'
            AND NEW.before = OLD.before - names
            AND NEW.after = OLD.after - names
            AND to_jsonb(NEW) - erasable = to_jsonb(OLD) - erasable
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
        'The audit log is only ever added to: an entry is never changed or deleted.';
END $$;

CREATE TRIGGER tenants_audit_append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION tenants_audit_refuse();
CREATE TRIGGER tenants_audit_never_emptied BEFORE TRUNCATE ON tenants_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit_refuse();
