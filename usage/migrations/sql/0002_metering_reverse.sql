-- Undoes 0002_metering.sql. Additions and removals without it are not counted.
DROP FUNCTION usage_count_added, usage_count_removed, usage_open_counters,
    usage_check_organizations, usage_check_policy, usage_refuse CASCADE;
DROP FUNCTION usage_refuse_isolation, usage_refuse_addition;
