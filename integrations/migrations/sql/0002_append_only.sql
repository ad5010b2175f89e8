-- What was sent to a PSA, and what it answered, is only ever added to; a finished run is final.
CREATE OR REPLACE FUNCTION integrations_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
        format('%s is only ever added to: a row there is never changed or deleted.', TG_TABLE_NAME);
END $$;

CREATE TRIGGER integrations_append_only BEFORE UPDATE OR DELETE ON integrations_push
    FOR EACH ROW EXECUTE FUNCTION integrations_refuse_change();
CREATE TRIGGER integrations_append_only BEFORE UPDATE OR DELETE ON integrations_pushanswer
    FOR EACH ROW EXECUTE FUNCTION integrations_refuse_change();
CREATE TRIGGER integrations_append_only BEFORE UPDATE OR DELETE ON integrations_pushreading
    FOR EACH ROW EXECUTE FUNCTION integrations_refuse_change();
CREATE TRIGGER integrations_append_only BEFORE UPDATE OR DELETE ON integrations_servicecheck
    FOR EACH ROW EXECUTE FUNCTION integrations_refuse_change();
CREATE TRIGGER integrations_finished_is_final BEFORE UPDATE OR DELETE ON integrations_syncrun
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION integrations_refuse_change();
