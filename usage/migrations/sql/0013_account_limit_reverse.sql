DROP TRIGGER usage_user_within_account_limit ON tenants_manageduser;
DROP TRIGGER usage_user_account_limit ON tenants_manageduser;
DROP FUNCTION usage_check_account_limit();
DROP FUNCTION usage_lock_account_limit();
