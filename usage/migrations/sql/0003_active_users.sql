-- Counts monthly active users of one provider's schema, each once a month and organization, up to the
-- organization's active-user limit (docs/decisions/0013). Installed by
-- usage/migrations/0003_active_users.py.
--
-- Refusals: MT002 the count would become wrong, MT003 the organization is removed,
--           MT004 the limit is reached (DETAIL is JSON), MT005 the month is closed.
--
-- Order of locks: rows by user, the ledger (advisory, shared), organizations, their months. Recording
-- through Python locks the organization first. A change of the limit updates the organization's row: it
-- waits for transactions that are counting, and later ones see the new limit.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE FUNCTION usage_refuse_active(
    organization_id bigint, removed_at timestamptz, month date, mau_limit integer, new_count integer,
    added_count bigint
) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF removed_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'MT003', MESSAGE =
            format('Organization %s is removed: it has no active users.', organization_id);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'MT004', MESSAGE =
        format('Organization %s has %s active users in %s and may have %s: %s more are refused.',
               organization_id, new_count - added_count, to_char(month, 'YYYY-MM'), mau_limit,
               added_count),
        DETAIL = json_build_object('organization_id', organization_id, 'month', month,
                                   'threshold', mau_limit, 'count', new_count - added_count,
                                   'asked', added_count);
END $$;

CREATE FUNCTION usage_count_active() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    policy tenants_meteringpolicy;
    refused record;
BEGIN
    IF NOT EXISTS (SELECT FROM added) THEN
        RETURN NULL;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM usage_refuse_isolation();
    END IF;
    PERFORM pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint);
    PERFORM FROM tenants_organization o
        WHERE o.id IN (SELECT a.organization_id FROM added a)
        ORDER BY o.id
        FOR SHARE;
    INSERT INTO usage_activemonth (organization_id, month, count)
        SELECT DISTINCT a.organization_id, a.month, 0 FROM added a ORDER BY 1, 2
        ON CONFLICT (organization_id, month) DO NOTHING;
    PERFORM FROM usage_activemonth m
        WHERE (m.organization_id, m.month) IN (SELECT a.organization_id, a.month FROM added a)
        ORDER BY m.organization_id, m.month
        FOR UPDATE;
    SELECT * INTO policy FROM tenants_meteringpolicy WHERE id = 1;
    PERFORM FROM added a
        LEFT JOIN tenants_manageduser u ON u.id = a.user_id AND u.organization_id = a.organization_id
        WHERE u.id IS NULL OR NOT isfinite(a.first_seen_at) OR a.first_seen_at >= u.removed_at
            OR a.month <> date_trunc('month', a.first_seen_at AT TIME ZONE policy.billing_time_zone);
    IF FOUND OR policy.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
            'An active user belongs to the organization and was seen in that month, before a removal.';
    END IF;
    PERFORM FROM added a WHERE a.first_seen_at < policy.closed_through;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'MT005', MESSAGE = 'The month is closed.';
    END IF;

    -- Counts first and refuses afterwards: the exception rolls all of it back.
    WITH grouped AS (
        SELECT a.organization_id, a.month, count(*) AS added, max(a.first_seen_at) AS latest_at
        FROM added a GROUP BY 1, 2
    ), counted AS (
        UPDATE usage_activemonth m
            SET count = m.count + g.added, latest_at = greatest(m.latest_at, g.latest_at)
        FROM grouped g WHERE g.organization_id = m.organization_id AND g.month = m.month
        RETURNING m.organization_id, m.month, m.count, g.added
    )
    SELECT o.id, o.removed_at, o.mau_limit, n.month, n.count, n.added
    INTO refused
    FROM counted n JOIN tenants_organization o ON o.id = n.organization_id
    WHERE o.removed_at IS NOT NULL OR n.count > o.mau_limit
    ORDER BY o.id, n.month
    LIMIT 1;
    IF FOUND THEN
        PERFORM usage_refuse_active(refused.id, refused.removed_at, refused.month,
                                    refused.mau_limit, refused.count, refused.added);
    END IF;
    RETURN NULL;
END $$;

-- Until the month is closed, an update may set an earlier instant of the same month, and nothing else.
CREATE FUNCTION usage_check_active_user() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    policy tenants_meteringpolicy;
BEGIN
    PERFORM pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint);
    SELECT * INTO policy FROM tenants_meteringpolicy WHERE id = 1;
    IF (OLD.id, OLD.organization_id, OLD.month, OLD.user_id)
            IS DISTINCT FROM (NEW.id, NEW.organization_id, NEW.month, NEW.user_id)
        OR NEW.first_seen_at > OLD.first_seen_at OR NOT isfinite(NEW.first_seen_at)
        OR NEW.month <> date_trunc('month', NEW.first_seen_at AT TIME ZONE policy.billing_time_zone)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
            'Only first_seen_at may change, to an earlier instant of the same month.';
    END IF;
    IF OLD.first_seen_at < policy.closed_through OR NEW.first_seen_at < policy.closed_through THEN
        RAISE EXCEPTION USING ERRCODE = 'MT005', MESSAGE = 'The month is closed.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER usage_active_counted AFTER INSERT ON usage_activeuser
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_active();
CREATE TRIGGER usage_active_changed BEFORE UPDATE ON usage_activeuser
    FOR EACH ROW EXECUTE FUNCTION usage_check_active_user();
CREATE TRIGGER usage_active_never_deleted BEFORE DELETE OR TRUNCATE ON usage_activeuser
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse(
        'Active users are never deleted: bills refer to them.');
CREATE TRIGGER usage_activemonth_by_counting
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON usage_activemonth
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION usage_refuse('Only the counting triggers write the number of active users.');
CREATE TRIGGER usage_lateactivity_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON usage_lateactivity
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse('Late activity is append-only.');

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
