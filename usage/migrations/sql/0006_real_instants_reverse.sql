-- Undoes 0006_real_instants.sql as far as its new function: apply 0002 and 0004 again for the others.
DROP FUNCTION usage_recount_open_months CASCADE;
