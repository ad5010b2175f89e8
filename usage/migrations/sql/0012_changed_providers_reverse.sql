DROP TRIGGER provider_changed ON usage_organizationcounter;
DROP TRIGGER provider_changed ON usage_activemonth;
