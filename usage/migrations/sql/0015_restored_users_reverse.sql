DROP FUNCTION usage_common_instant(text, bigint[], timestamptz);
DROP TRIGGER usage_lateactivity_same_person ON usage_lateactivity;
DROP TRIGGER usage_active_same_person ON usage_activeuser;
DROP FUNCTION usage_leave_out_same_person();
