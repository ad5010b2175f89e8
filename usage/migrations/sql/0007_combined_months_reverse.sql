-- Undoes 0007_combined_months.sql.
DROP TRIGGER usage_combined_month_final ON usage_combinedmonth;
