DROP FUNCTION integrations_refuse_change() CASCADE;
