-- What the scheduled rounds read (docs/decisions/0044); tenants/migrations/sql/0007_changed_providers.sql.
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_contract
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_packorder
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_invoice
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_creditnote
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_refund
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_linedispute
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_payment
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_chargeback
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_carriedbalance
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_chargeattempt
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_paymentmethod
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_suspensiondeferral
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_dunningstep
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON billing_renewalnotice
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_provider_changed();
