DROP FUNCTION public.search_text(text);
