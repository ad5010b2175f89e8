-- Undone removals, and moves between organizations.
--
-- The rows of a person whose removal was undone are one active user of a month: the row that was counted
-- first stays, and the others are left out (docs/decisions/0063). Reports of one organization wait for each
-- other (usage/active_users/recording.py).

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE FUNCTION usage_leave_out_same_person() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    person bigint;
BEGIN
    -- A read of a partial index, which is empty for nearly every organization.
    PERFORM FROM tenants_manageduser u
        WHERE u.organization_id = NEW.organization_id AND u.same_person_as_id IS NOT NULL LIMIT 1;
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    SELECT coalesce(u.same_person_as_id, u.id) INTO person
        FROM tenants_manageduser u WHERE u.id = NEW.user_id;
    PERFORM FROM usage_activeuser a
        WHERE a.organization_id = NEW.organization_id AND a.month = NEW.month AND a.user_id <> NEW.user_id
            AND (a.user_id = person OR a.user_id IN (
                SELECT u.id FROM tenants_manageduser u
                WHERE u.organization_id = NEW.organization_id AND u.same_person_as_id = person));
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER usage_active_same_person BEFORE INSERT ON usage_activeuser
    FOR EACH ROW EXECUTE FUNCTION usage_leave_out_same_person();
CREATE TRIGGER usage_lateactivity_same_person BEFORE INSERT ON usage_lateactivity
    FOR EACH ROW EXECUTE FUNCTION usage_leave_out_same_person();

-- The instant at which members move between these organizations: not before the last event of one of them, so
-- that both events have it and all organizations together count a person once. Locks the counters in the order
-- of every statement.
CREATE FUNCTION usage_common_instant(counted text, organizations bigint[], earliest timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    latest timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint);
    PERFORM FROM usage_organizationcounter c
        WHERE c.metric = counted AND c.organization_id = ANY (organizations)
        ORDER BY c.organization_id
        FOR UPDATE;
    SELECT greatest(earliest, max(c.last_event_at), (SELECT p.closed_through FROM tenants_meteringpolicy p))
        INTO latest
        FROM usage_organizationcounter c
        WHERE c.metric = counted AND c.organization_id = ANY (organizations);
    RETURN latest;
END $$;

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
