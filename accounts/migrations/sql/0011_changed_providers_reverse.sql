DROP TRIGGER login_changed ON public.accounts_user;
DROP TRIGGER login_added ON public.accounts_user;
DROP TRIGGER provider_changed ON public.accounts_provider;
DROP FUNCTION public.accounts_login_changed();
DROP FUNCTION public.accounts_provider_changed();
