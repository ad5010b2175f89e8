-- The scheduled rounds look at a provider again when its own row or one of its logins changes what
-- they decide (docs/decisions/0044). A changed login matters to the daily mail of alerts.
CREATE FUNCTION public.accounts_provider_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.accounts_providerchange (schema_name) VALUES (NEW.schema_name);
    RETURN NULL;
END $$;

CREATE FUNCTION public.accounts_login_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.accounts_providerchange (schema_name)
        SELECT p.schema_name FROM public.accounts_provider p WHERE p.id = NEW.provider_id;
    RETURN NULL;
END $$;

CREATE TRIGGER provider_changed AFTER UPDATE ON public.accounts_provider
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION public.accounts_provider_changed();

CREATE TRIGGER login_added AFTER INSERT ON public.accounts_user
    FOR EACH ROW EXECUTE FUNCTION public.accounts_login_changed();

CREATE TRIGGER login_changed AFTER UPDATE ON public.accounts_user
    FOR EACH ROW WHEN (
        (OLD.provider_id, OLD.role, OLD.organization_id, OLD.limited_to, OLD.is_active)
        IS DISTINCT FROM
        (NEW.provider_id, NEW.role, NEW.organization_id, NEW.limited_to, NEW.is_active))
    EXECUTE FUNCTION public.accounts_login_changed();
