-- A part of a name or an address in any organization, in any case, with or without accents. The expressions
-- are those of SearchText (core/search_text.py): a query with another one does not use the index.
CREATE INDEX tenants_organization_search ON tenants_organization
    USING gin (public.search_text(name) public.gin_trgm_ops);
CREATE INDEX tenants_manageduser_search ON tenants_manageduser
    USING gin (public.search_text(address_key || ' ' || name) public.gin_trgm_ops);
CREATE INDEX tenants_useralias_search ON tenants_useralias
    USING gin (public.search_text(key) public.gin_trgm_ops);
CREATE INDEX tenants_device_search ON tenants_device
    USING gin (public.search_text(name || ' ' || serial_number) public.gin_trgm_ops);

-- Users of all organizations in the order of their addresses.
CREATE INDEX tenants_manageduser_by_address ON tenants_manageduser (address_key, id) WHERE removed_at IS NULL;
