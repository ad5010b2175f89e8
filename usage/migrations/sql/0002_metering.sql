-- Counts users and devices of one provider's schema and enforces caps (docs/decisions/0003, 0004).
--
-- usage/migrations/0002_metering.py installs it in the current schema. A later change replaces whole
-- functions in a new migration. Every function has a fixed search path of exactly this schema, with
-- temporary tables last: it acts in its own schema for every caller, and no temporary table can replace
-- one of its tables.
--
-- Refusals: MT001 a cap is reached (DETAIL is JSON), MT002 the ledger would become wrong,
--           MT003 the organization is removed, or would be removed while it has users or devices.
--
-- Order of locks: the ledger (advisory, shared; closing a month takes it exclusively), then counter
-- rows by organization. Reads that decide come after the locks, in separate statements: only a new
-- statement sees rows that other transactions committed while this one waited.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE OR REPLACE FUNCTION usage_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE = TG_ARGV[0];
END $$;

-- At a higher isolation level, a transaction could read the policy and caps from before a month was
-- closed or a cap lowered, and PostgreSQL would report no conflict.
CREATE OR REPLACE FUNCTION usage_refuse_isolation() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
        'Users and devices are counted at the isolation level READ COMMITTED only.';
END $$;

CREATE OR REPLACE FUNCTION usage_refuse_addition(
    organization_id bigint, removed_at timestamptz, user_cap integer, free_user_limit integer,
    new_count integer, added_count bigint
) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    cap CONSTANT integer := least(user_cap, free_user_limit);
BEGIN
    IF removed_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'MT003', MESSAGE =
            format('Organization %s is removed: nothing can be added to it.', organization_id);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'MT001', MESSAGE =
        format('Organization %s has %s users and may have %s: %s more are refused.',
               organization_id, new_count - added_count, cap, added_count),
        DETAIL = json_build_object(
            'organization_id', organization_id, 'cap', cap, 'count', new_count - added_count,
            'asked', added_count, 'because',
            CASE WHEN user_cap <= coalesce(free_user_limit, user_cap) THEN 'cap'
                 ELSE 'free_allowance' END);
END $$;

-- Arguments of both counting functions: the metric, and the column with the subject's name.
CREATE OR REPLACE FUNCTION usage_count_added() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    counted CONSTANT text := TG_ARGV[0];
    policy tenants_meteringpolicy;
    refused record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM usage_refuse_isolation();
    END IF;
    PERFORM pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint);
    PERFORM FROM usage_organizationcounter c
        WHERE c.metric = counted AND c.organization_id IN (SELECT a.organization_id FROM added a)
        ORDER BY c.organization_id
        FOR UPDATE;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM added) THEN
            RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE =
                'The organization does not exist.';
        END IF;
        RETURN NULL;
    END IF;
    SELECT * INTO policy FROM tenants_meteringpolicy WHERE id = 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
            'This provider has no metering policy: nothing can be counted.';
    END IF;

    -- Counts first and refuses afterwards: the exception rolls all of it back. A missing counter makes
    -- count_after null, which the table refuses.
    WITH placed AS (
        SELECT a.organization_id, a.id AS subject_id, to_jsonb(a) ->> TG_ARGV[1] AS subject_name,
               a.added_by_id, a.added_by_name, a.added_via, c.count AS count_before,
               a.added_at AS effective_at,
               greatest(a.added_at, c.last_event_at, policy.closed_through) AS at
        FROM added a
        LEFT JOIN usage_organizationcounter c
            ON c.organization_id = a.organization_id AND c.metric = counted
    ), logged AS (
        INSERT INTO usage_usageevent (organization_id, metric, at, delta, count_after,
                                      subject_id, subject_name, actor_id, actor_name, via,
                                      effective_at)
        SELECT organization_id, counted, at, 1,
               count_before + row_number() OVER (
                   PARTITION BY organization_id ORDER BY at, subject_id),
               subject_id, subject_name, added_by_id, added_by_name, added_via,
               -- Only when it is in an earlier month than `at`: reported late (docs/decisions/0016).
               CASE WHEN effective_at < at
                    AND date_trunc('month', effective_at AT TIME ZONE policy.billing_time_zone)
                        < date_trunc('month', at AT TIME ZONE policy.billing_time_zone)
                    THEN effective_at END
        FROM placed
        ORDER BY organization_id, at, subject_id
        RETURNING id, organization_id, at, count_after
    ), now_counted AS (
        UPDATE usage_organizationcounter c SET count = l.count, last_event_at = l.at
        FROM (SELECT organization_id, max(count_after) AS count, max(at) AS at
              FROM logged GROUP BY organization_id) l
        WHERE c.organization_id = l.organization_id AND c.metric = counted
        RETURNING c.organization_id, c.count
    ), raised AS (
        -- Additions only increase the count: the month's last one is the first to reach its maximum.
        INSERT INTO usage_monthlyusage AS m (organization_id, metric, month, carried_in,
                                             high_water_mark, peak_at, peak_event_id)
        SELECT l.organization_id, counted,
               date_trunc('month', l.at AT TIME ZONE policy.billing_time_zone),
               min(l.count_after) - 1, max(l.count_after), max(l.at), max(l.id)
        FROM logged l
        GROUP BY 1, 3
        ON CONFLICT (organization_id, metric, month) DO UPDATE
            SET high_water_mark = excluded.high_water_mark, peak_at = excluded.peak_at,
                peak_event_id = excluded.peak_event_id
            WHERE m.high_water_mark < excluded.high_water_mark
    )
    SELECT n.organization_id, n.count, o.user_cap, o.removed_at
    INTO refused
    FROM now_counted n JOIN tenants_organization o ON o.id = n.organization_id
    WHERE o.removed_at IS NOT NULL
        OR (counted = 'users' AND n.count > least(o.user_cap, policy.free_user_limit))
    ORDER BY n.organization_id
    LIMIT 1;
    IF FOUND THEN
        PERFORM usage_refuse_addition(
            refused.organization_id, refused.removed_at, refused.user_cap, policy.free_user_limit,
            refused.count,
            (SELECT count(*) FROM added a WHERE a.organization_id = refused.organization_id));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION usage_count_removed() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    counted CONSTANT text := TG_ARGV[0];
    organizations bigint[];
BEGIN
    -- Newly removed rows are in `after` and not in `before`. A set operation, never a join of the two:
    -- the plan is cached at the first call, and a nested loop over thousands of rows takes minutes.
    SELECT array_agg(DISTINCT organization_id) INTO organizations FROM (
        SELECT id, organization_id FROM after WHERE removed_at IS NOT NULL
        EXCEPT
        SELECT id, organization_id FROM before WHERE removed_at IS NOT NULL
    ) newly_removed;
    IF organizations IS NULL THEN
        RETURN NULL;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM usage_refuse_isolation();
    END IF;
    PERFORM pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint);
    PERFORM FROM usage_organizationcounter c
        WHERE c.metric = counted AND c.organization_id = ANY (organizations)
        ORDER BY c.organization_id
        FOR UPDATE;

    WITH sides AS (
        SELECT true AS is_after, a.* FROM after a WHERE a.removed_at IS NOT NULL
        UNION ALL
        SELECT false, b.* FROM before b WHERE b.removed_at IS NOT NULL
    ), newly_removed AS (
        SELECT s.*, count(*) OVER (PARTITION BY s.id) AS times FROM sides s
    ), placed AS (
        SELECT r.organization_id, r.id AS subject_id, to_jsonb(r) ->> TG_ARGV[1] AS subject_name,
               r.removed_by_id, r.removed_by_name, c.count AS count_before,
               -- A removal never lies before the addition, even when the row says so.
               greatest(r.removed_at, r.added_at) AS effective_at, p.billing_time_zone AS zone,
               greatest(r.removed_at, c.last_event_at, p.closed_through) AS at
        FROM newly_removed r
        JOIN usage_organizationcounter c
            ON c.organization_id = r.organization_id AND c.metric = counted
        JOIN tenants_meteringpolicy p ON p.id = 1
        WHERE r.is_after AND r.times = 1
    ), logged AS (
        INSERT INTO usage_usageevent (organization_id, metric, at, delta, count_after,
                                      subject_id, subject_name, actor_id, actor_name, via,
                                      effective_at)
        SELECT organization_id, counted, at, -1,
               count_before - row_number() OVER (
                   PARTITION BY organization_id ORDER BY at, subject_id),
               subject_id, subject_name, removed_by_id, removed_by_name, '',
               CASE WHEN effective_at < at
                    AND date_trunc('month', effective_at AT TIME ZONE zone)
                        < date_trunc('month', at AT TIME ZONE zone)
                    THEN effective_at END
        FROM placed
        ORDER BY organization_id, at, subject_id
        RETURNING organization_id, at, count_after
    ), now_counted AS (
        UPDATE usage_organizationcounter c SET count = l.count, last_event_at = l.at
        FROM (SELECT organization_id, min(count_after) AS count, max(at) AS at
              FROM logged GROUP BY organization_id) l
        WHERE c.organization_id = l.organization_id AND c.metric = counted
    )
    -- Removals raise no high-water mark; they only create the month with the count carried in.
    INSERT INTO usage_monthlyusage (organization_id, metric, month, carried_in, high_water_mark)
    SELECT l.organization_id, counted, date_trunc('month', l.at AT TIME ZONE p.billing_time_zone),
           max(l.count_after) + 1, max(l.count_after) + 1
    FROM logged l JOIN tenants_meteringpolicy p ON p.id = 1
    GROUP BY 1, 3
    ON CONFLICT (organization_id, metric, month) DO NOTHING;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION usage_open_counters() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO usage_organizationcounter (organization_id, metric, count)
    SELECT a.id, m.metric, 0 FROM added a CROSS JOIN (VALUES ('users'), ('devices')) m (metric);
    RETURN NULL;
END $$;

-- A changed cap or a removal locks the counters: it waits for running additions, and later ones wait for
-- it. After its commit, no addition that it forbids can commit.
CREATE OR REPLACE FUNCTION usage_check_organizations() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    changed bigint[];
    occupied bigint;
BEGIN
    SELECT array_agg(id) INTO changed FROM (
        SELECT id, user_cap, removed_at FROM after
        EXCEPT
        SELECT id, user_cap, removed_at FROM before
    ) different;
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM FROM usage_organizationcounter c WHERE c.organization_id = ANY (changed)
        ORDER BY c.organization_id, c.metric
        FOR UPDATE;
    SELECT min(c.organization_id) INTO occupied
        FROM usage_organizationcounter c JOIN tenants_organization o ON o.id = c.organization_id
        WHERE c.organization_id = ANY (changed) AND c.count > 0 AND o.removed_at IS NOT NULL;
    IF occupied IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'MT003', MESSAGE = format(
            'Organization %s still has users or devices: remove them first.', occupied);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION usage_check_policy() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM now() AT TIME ZONE NEW.billing_time_zone;
    IF TG_OP = 'UPDATE' THEN
        PERFORM pg_advisory_xact_lock('usage_usageevent'::regclass::oid::bigint);
        IF NEW.closed_through IS DISTINCT FROM greatest(OLD.closed_through, NEW.closed_through) THEN
            RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE = 'A closed month stays closed.';
        END IF;
        IF NEW.billing_time_zone <> OLD.billing_time_zone
            AND EXISTS (SELECT FROM usage_monthlyusage) THEN
            RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
                'The billing time zone cannot change: months were counted in it.';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER usage_user_added AFTER INSERT ON tenants_manageduser
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_added('users', 'email');
CREATE TRIGGER usage_user_removed AFTER UPDATE ON tenants_manageduser
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_removed('users', 'email');
CREATE TRIGGER usage_user_new AFTER INSERT ON tenants_manageduser
    FOR EACH ROW WHEN (NEW.removed_at IS NOT NULL OR NOT isfinite(NEW.added_at))
    EXECUTE FUNCTION usage_refuse('A new user has a finite added_at and is not removed.');
CREATE TRIGGER usage_user_changed AFTER UPDATE ON tenants_manageduser
    FOR EACH ROW WHEN (
        (OLD.id, OLD.organization_id, OLD.added_at)
            IS DISTINCT FROM (NEW.id, NEW.organization_id, NEW.added_at)
        OR (OLD.removed_at IS NOT NULL AND NEW.removed_at IS DISTINCT FROM OLD.removed_at)
        OR NOT isfinite(NEW.removed_at))
    EXECUTE FUNCTION usage_refuse(
        'A user keeps its organization and added_at; a removed user keeps its removed_at.');
CREATE TRIGGER usage_user_never_deleted BEFORE DELETE OR TRUNCATE ON tenants_manageduser
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse(
        'Users are removed by setting removed_at, never deleted: bills refer to them.');

CREATE TRIGGER usage_device_added AFTER INSERT ON tenants_device
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_added('devices', 'name');
CREATE TRIGGER usage_device_removed AFTER UPDATE ON tenants_device
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_removed('devices', 'name');
CREATE TRIGGER usage_device_new AFTER INSERT ON tenants_device
    FOR EACH ROW WHEN (NEW.removed_at IS NOT NULL OR NOT isfinite(NEW.added_at))
    EXECUTE FUNCTION usage_refuse('A new device has a finite added_at and is not removed.');
CREATE TRIGGER usage_device_changed AFTER UPDATE ON tenants_device
    FOR EACH ROW WHEN (
        (OLD.id, OLD.organization_id, OLD.added_at)
            IS DISTINCT FROM (NEW.id, NEW.organization_id, NEW.added_at)
        OR (OLD.removed_at IS NOT NULL AND NEW.removed_at IS DISTINCT FROM OLD.removed_at)
        OR NOT isfinite(NEW.removed_at))
    EXECUTE FUNCTION usage_refuse(
        'A device keeps its organization and added_at; a removed device keeps its removed_at.');
CREATE TRIGGER usage_device_never_deleted BEFORE DELETE OR TRUNCATE ON tenants_device
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse(
        'Devices are removed by setting removed_at, never deleted: bills refer to them.');

INSERT INTO usage_organizationcounter (organization_id, metric, count)
    SELECT o.id, m.metric, 0
    FROM tenants_organization o CROSS JOIN (VALUES ('users'), ('devices')) m (metric)
    ON CONFLICT (organization_id, metric) DO NOTHING;
CREATE TRIGGER usage_organization_created AFTER INSERT ON tenants_organization
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_open_counters();
CREATE TRIGGER usage_organization_changed AFTER UPDATE ON tenants_organization
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION usage_check_organizations();

CREATE TRIGGER usage_policy_changed BEFORE INSERT OR UPDATE ON tenants_meteringpolicy
    FOR EACH ROW EXECUTE FUNCTION usage_check_policy();
CREATE TRIGGER usage_policy_never_deleted BEFORE DELETE OR TRUNCATE ON tenants_meteringpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse('The metering policy is never deleted.');

-- Only the triggers above write the events and their projections; other statements are refused, except
-- the insert of a month, which closing a month does (usage/ledger/month_freeze.py).
CREATE TRIGGER usage_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_usageevent
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse(
        'Usage events are append-only.');
CREATE TRIGGER usage_event_by_counting BEFORE INSERT ON usage_usageevent
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION usage_refuse('Only the counting triggers write usage events.');
CREATE TRIGGER usage_counter_by_counting
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON usage_organizationcounter
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION usage_refuse('Only the counting triggers write counters.');
CREATE TRIGGER usage_month_by_counting BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_monthlyusage
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION usage_refuse('Only the counting triggers write monthly usage.');

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
