-- Undoes 0002_metering.sql. Whatever comes and goes without it is not counted.
DROP FUNCTION usage_count_added, usage_count_removed, usage_open_counters,
    usage_settle_organizations, usage_settle_policy, usage_refuse CASCADE;
DROP FUNCTION usage_refuse_isolation, usage_refuse_addition;
