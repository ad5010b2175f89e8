-- A month that was billed by the peak of all organizations together never changes
-- (docs/decisions/0029).
CREATE TRIGGER usage_combined_month_final BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_combinedmonth
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse(
        'A billed month of all organizations together never changes.');
