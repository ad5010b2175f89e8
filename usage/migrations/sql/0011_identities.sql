-- One living user for each mailbox of an organization, whatever way it is written (docs/decisions/0049).
-- core/addresses.py computes the keys; the triggers below fill them for plain ASCII texts, which are their
-- own key in lower case, and refuse rows without one.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- No blanks, brackets, quotation marks or dot at the end, and no domain in punycode: nothing to be cleaned.
CREATE FUNCTION usage_is_plain_address(email text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT email ~ '^[A-Za-z0-9!#$%&*+/=?^_{|}~.@-]*[A-Za-z0-9!#$%&*+/=?^_{|}~@-]$' AND email !~* 'xn--'
$$;

CREATE FUNCTION usage_check_address_key() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF usage_is_plain_address(NEW.email) THEN
        IF NEW.address_key = '' THEN
            NEW.address_key := lower(NEW.email);
        END IF;
        IF NEW.address_key = lower(NEW.email) THEN
            RETURN NEW;
        END IF;
    ELSIF NEW.address_key <> ''
        -- Upper case, blanks and invisible characters are in no key.
        AND NEW.address_key !~ '[A-Z\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
        'address_key of %s is missing or wrong: core.addresses.address_key() computes it.', NEW.email);
END $$;

CREATE TRIGGER usage_user_address_key BEFORE INSERT ON tenants_manageduser
    FOR EACH ROW WHEN (NEW.address_key <> lower(NEW.email) OR NEW.email !~ '^[a-z0-9._+@-]*[a-z0-9]$'
                       OR NEW.email ~ 'xn--')
    EXECUTE FUNCTION usage_check_address_key();
-- Rows that the previous release added since the keys were filled.
UPDATE tenants_manageduser SET address_key = lower(email)
    WHERE address_key = '' AND erased_at IS NULL AND usage_is_plain_address(email);

CREATE TRIGGER usage_user_address_key_changed BEFORE UPDATE OF email, address_key ON tenants_manageduser
    FOR EACH ROW WHEN (NEW.erased_at IS NULL
        AND (NEW.email, NEW.address_key) IS DISTINCT FROM (OLD.email, OLD.address_key))
    EXECUTE FUNCTION usage_check_address_key();

-- Raises if a user other than this one is known by the address. Two accounts may share a mailbox if both
-- have an external id. The caller holds the organization's counter. Index scans only: a plan is cached at
-- the first call, when the table may be empty.
CREATE FUNCTION usage_refuse_known_address(refused text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', CONSTRAINT = 'tenants_manageduser_one_identity',
            MESSAGE = format('Another user of the organization is known by the address %s.', refused);
    END IF;
END $$;

CREATE FUNCTION usage_check_new_addresses() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan TO off AS $$
BEGIN
    PERFORM usage_refuse_known_address((
        SELECT a.email FROM added a
        WHERE a.is_double
            OR (SELECT m.id FROM tenants_manageduser m
                WHERE m.organization_id = a.organization_id AND m.address_key = a.address_key
                    AND m.removed_at IS NULL AND m.id <> a.id
                    AND (m.external_id IS NULL OR a.external_id IS NULL)
                LIMIT 1) IS NOT NULL
            OR (SELECT m.id FROM tenants_useralias l JOIN tenants_manageduser m ON m.id = l.user_id
                WHERE l.organization_id = a.organization_id AND l.kind = 'address'
                    AND l.key = a.address_key AND l.ended_at IS NULL
                    AND m.removed_at IS NULL AND m.id <> a.id
                    AND (m.external_id IS NULL OR a.external_id IS NULL)
                LIMIT 1) IS NOT NULL
        LIMIT 1));
    RETURN NULL;
END $$;

-- After usage_user_added, by name, which locks the counter: additions of two transactions see each other.
CREATE TRIGGER usage_user_known AFTER INSERT ON tenants_manageduser
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_check_new_addresses();

-- An address or external id changes: the same person, who stays counted. The earlier address is an alias.
CREATE FUNCTION usage_user_renamed() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM usage_refuse_isolation();
    END IF;
    PERFORM pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint);
    PERFORM FROM usage_organizationcounter c
        WHERE c.metric = 'users' AND c.organization_id = NEW.organization_id
        FOR UPDATE;
    PERFORM usage_refuse_known_address(NEW.email)
        FROM tenants_manageduser m
        WHERE m.organization_id = NEW.organization_id AND m.address_key = NEW.address_key
            AND m.removed_at IS NULL AND m.id <> NEW.id AND NOT NEW.is_double
            AND (m.external_id IS NULL OR NEW.external_id IS NULL);
    IF NEW.address_key = OLD.address_key THEN
        RETURN NULL;
    END IF;
    PERFORM usage_refuse_known_address(NEW.email)
        FROM tenants_useralias l JOIN tenants_manageduser m ON m.id = l.user_id
        WHERE l.organization_id = NEW.organization_id AND l.kind = 'address'
            AND l.key = NEW.address_key AND l.ended_at IS NULL
            AND m.removed_at IS NULL AND m.id <> NEW.id
            AND (m.external_id IS NULL OR NEW.external_id IS NULL);
    UPDATE tenants_useralias SET ended_at = now()
        WHERE user_id = NEW.id AND kind = 'address' AND key = NEW.address_key AND ended_at IS NULL;
    INSERT INTO tenants_useralias (organization_id, user_id, kind, text, key)
        VALUES (NEW.organization_id, NEW.id, 'address', OLD.email, OLD.address_key)
        ON CONFLICT (user_id, kind, key) DO UPDATE SET ended_at = NULL, text = excluded.text;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_user_renamed AFTER UPDATE ON tenants_manageduser
    FOR EACH ROW WHEN (
        NEW.removed_at IS NULL
        AND (NEW.address_key <> OLD.address_key
             OR (NEW.external_id IS NULL AND OLD.external_id IS NOT NULL)
             OR (OLD.is_double AND NOT NEW.is_double)))
    EXECUTE FUNCTION usage_user_renamed();

-- In place of the rule of 0010_names_by_id.sql, by which an address never changed.
DROP TRIGGER usage_user_name_changed ON tenants_manageduser;
CREATE TRIGGER usage_user_name_changed AFTER UPDATE ON tenants_manageduser
    FOR EACH ROW WHEN (
        (OLD.removed_at IS NOT NULL AND NEW.erased_at IS NULL AND NEW.email IS DISTINCT FROM OLD.email)
        OR (NEW.is_double AND NOT OLD.is_double)
        OR (OLD.erased_at IS NOT NULL
            AND (NEW.erased_at, NEW.email, NEW.name, NEW.external_id)
                IS DISTINCT FROM (OLD.erased_at, OLD.email, OLD.name, OLD.external_id)))
    EXECUTE FUNCTION usage_refuse(
        'A removed user keeps its e-mail address until it is erased, which is final.');

-- Names of organizations: plain ASCII is its own key in lower case, with single spaces.
CREATE FUNCTION usage_check_name_key() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.name !~ '^[ -~]*$' THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format(
            'name_key of %s is missing: core.names.name_key() computes it.', NEW.name);
    END IF;
    NEW.name_key := lower(btrim(regexp_replace(NEW.name, ' +', ' ', 'g')));
    RETURN NEW;
END $$;

CREATE TRIGGER usage_organization_name_key BEFORE INSERT ON tenants_organization
    FOR EACH ROW WHEN (NEW.name_key = '' AND NEW.name <> '')
    EXECUTE FUNCTION usage_check_name_key();
CREATE TRIGGER usage_organization_renamed BEFORE UPDATE OF name ON tenants_organization
    FOR EACH ROW WHEN (NEW.name_key = OLD.name_key AND NEW.name <> OLD.name AND NEW.name ~ '^[ -~]*$')
    EXECUTE FUNCTION usage_check_name_key();

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
