DROP INDEX tenants_manageduser_by_address;
DROP INDEX tenants_device_search;
DROP INDEX tenants_useralias_search;
DROP INDEX tenants_manageduser_search;
DROP INDEX tenants_organization_search;
