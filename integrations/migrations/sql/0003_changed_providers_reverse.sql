DROP TRIGGER provider_changed ON integrations_autotaskconnection;
DROP TRIGGER provider_changed ON integrations_syncrun;
DROP TRIGGER provider_changed ON integrations_drift;
DROP TRIGGER provider_changed ON integrations_servicemapping;
