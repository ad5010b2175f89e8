-- Undoes 0003_active_users.sql. Active users that are recorded without it are not counted.
DROP FUNCTION usage_count_active, usage_check_active_user, usage_refuse_active CASCADE;
DROP TRIGGER usage_active_never_deleted ON usage_activeuser;
DROP TRIGGER usage_activemonth_by_counting ON usage_activemonth;
DROP TRIGGER usage_lateactivity_append_only ON usage_lateactivity;
