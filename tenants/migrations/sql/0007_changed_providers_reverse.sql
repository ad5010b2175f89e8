DROP TRIGGER provider_changed ON tenants_organization;
DROP TRIGGER provider_changed ON tenants_meteringpolicy;
DROP TRIGGER provider_changed ON tenants_billedperiod;
DROP TRIGGER provider_changed ON tenants_alert;
DROP TRIGGER provider_changed ON tenants_alertmailpreference;
DROP FUNCTION tenants_provider_changed();
