-- What operations did is only ever added to.
CREATE FUNCTION accounts_refuse_log_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
        'The log of operations is only ever added to: an entry is never changed or deleted.';
END $$;

CREATE TRIGGER accounts_log_append_only BEFORE UPDATE OR DELETE ON django_admin_log
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_log_change();
