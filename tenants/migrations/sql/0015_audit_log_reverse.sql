DROP TRIGGER tenants_audit_never_emptied ON tenants_auditentry;
DROP TRIGGER tenants_audit_append_only ON tenants_auditentry;
DROP FUNCTION tenants_audit_refuse();
