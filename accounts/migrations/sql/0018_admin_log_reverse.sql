DROP TRIGGER accounts_log_append_only ON django_admin_log;
DROP FUNCTION accounts_refuse_log_change();
