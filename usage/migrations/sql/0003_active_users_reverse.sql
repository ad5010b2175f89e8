-- Undoes 0003_active_users.sql. Whoever is recorded without it is not counted.
DROP FUNCTION usage_count_active, usage_seen_earlier, usage_active_refused CASCADE;
DROP TRIGGER usage_active_never_deleted ON usage_activeuser;
DROP TRIGGER usage_activemonth_by_counting ON usage_activemonth;
DROP TRIGGER usage_lateactivity_append_only ON usage_lateactivity;
