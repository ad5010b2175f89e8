-- Names of users and devices are in their own rows only, where a user's can be erased
-- (docs/decisions/0036). The log refers to them by id.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

ALTER TABLE usage_usageevent DROP COLUMN subject_name;

-- The name of each user and device that an event refers to by its metric and subject.
CREATE VIEW usage_subject AS
    SELECT 'users'::text AS metric, u.id, u.email AS name FROM tenants_manageduser u
    UNION ALL
    SELECT 'devices', d.id, d.name FROM tenants_device d;

-- As in 0006_real_instants.sql, without names.
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
    policy.free_user_limit := usage_free_user_limit(
        policy, greatest((SELECT max(a.added_at) FROM added a), policy.closed_through));

    -- Counts first and refuses afterwards: the exception rolls all of it back. A missing counter makes
    -- count_after null, which the table refuses.
    WITH placed AS (
        SELECT a.organization_id, a.id AS subject_id,
               a.added_by_id, a.added_by_name, a.added_via, c.count AS count_before,
               a.added_at AS effective_at,
               greatest(a.added_at, c.last_event_at, policy.closed_through) AS at
        FROM added a
        LEFT JOIN usage_organizationcounter c
            ON c.organization_id = a.organization_id AND c.metric = counted
    ), logged AS (
        INSERT INTO usage_usageevent (organization_id, metric, at, delta, count_after,
                                      subject_id, actor_id, actor_name, via,
                                      effective_at)
        SELECT organization_id, counted, at, 1,
               count_before + row_number() OVER (
                   PARTITION BY organization_id ORDER BY at, subject_id),
               subject_id, added_by_id, added_by_name, added_via,
               -- The real instant, where the report comes out of order or after its month was closed
               -- (docs/decisions/0016). Within a second of this transaction nothing was reported: a
               -- lock was waited for.
               CASE WHEN effective_at < at
                    AND effective_at NOT BETWEEN now() - interval '1 second'
                                             AND now() + interval '1 second'
                    THEN effective_at END
        FROM placed
        ORDER BY organization_id, at, subject_id
        RETURNING id, organization_id, at, count_after, effective_at
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
    SELECT r.*, l.organizations AS late_organizations, l.since AS late_since
    INTO refused
    FROM (
        SELECT array_agg(DISTINCT organization_id) AS organizations, min(effective_at) AS since
        FROM logged WHERE effective_at IS NOT NULL
    ) l LEFT JOIN LATERAL (
        SELECT n.organization_id, n.count, o.user_cap, o.removed_at
        FROM now_counted n JOIN tenants_organization o ON o.id = n.organization_id
        WHERE o.removed_at IS NOT NULL
            OR (counted = 'users' AND n.count > least(o.user_cap, policy.free_user_limit))
        ORDER BY n.organization_id
        LIMIT 1
    ) r ON true;
    IF refused.organization_id IS NOT NULL THEN
        PERFORM usage_refuse_addition(
            refused.organization_id, refused.removed_at, refused.user_cap, policy.free_user_limit,
            refused.count,
            (SELECT count(*) FROM added a WHERE a.organization_id = refused.organization_id));
    END IF;
    IF refused.late_organizations IS NOT NULL THEN
        PERFORM usage_recount_open_months(
            counted, refused.late_organizations, refused.late_since);
    END IF;
    RETURN NULL;
END $$;

-- As in 0006_real_instants.sql, without names.
CREATE OR REPLACE FUNCTION usage_count_removed() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    counted CONSTANT text := TG_ARGV[0];
    organizations bigint[];
    late record;
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
        SELECT r.organization_id, r.id AS subject_id,
               r.removed_by_id, r.removed_by_name, c.count AS count_before,
               -- A removal never lies before the addition, even when the row says so.
               greatest(r.removed_at, r.added_at) AS effective_at,
               greatest(r.removed_at, c.last_event_at, p.closed_through) AS at
        FROM newly_removed r
        JOIN usage_organizationcounter c
            ON c.organization_id = r.organization_id AND c.metric = counted
        JOIN tenants_meteringpolicy p ON p.id = 1
        WHERE r.is_after AND r.times = 1
    ), logged AS (
        INSERT INTO usage_usageevent (organization_id, metric, at, delta, count_after,
                                      subject_id, actor_id, actor_name, via,
                                      effective_at)
        SELECT organization_id, counted, at, -1,
               count_before - row_number() OVER (
                   PARTITION BY organization_id ORDER BY at, subject_id),
               subject_id, removed_by_id, removed_by_name, '',
               -- The real instant, where the report comes out of order or after its month was closed
               -- (docs/decisions/0016).
               CASE WHEN effective_at < at
                    AND effective_at NOT BETWEEN now() - interval '1 second'
                                             AND now() + interval '1 second'
                    THEN effective_at END
        FROM placed
        ORDER BY organization_id, at, subject_id
        RETURNING organization_id, at, count_after, effective_at
    ), now_counted AS (
        UPDATE usage_organizationcounter c SET count = l.count, last_event_at = l.at
        FROM (SELECT organization_id, min(count_after) AS count, max(at) AS at
              FROM logged GROUP BY organization_id) l
        WHERE c.organization_id = l.organization_id AND c.metric = counted
    ), opened AS (
        -- Removals raise no high-water mark; they only create the month with the count carried in.
        INSERT INTO usage_monthlyusage (organization_id, metric, month, carried_in, high_water_mark)
        SELECT l.organization_id, counted,
               date_trunc('month', l.at AT TIME ZONE p.billing_time_zone),
               max(l.count_after) + 1, max(l.count_after) + 1
        FROM logged l JOIN tenants_meteringpolicy p ON p.id = 1
        GROUP BY 1, 3
        ON CONFLICT (organization_id, metric, month) DO NOTHING
    )
    SELECT array_agg(DISTINCT organization_id) AS organizations, min(effective_at) AS since
    INTO late
    FROM logged WHERE effective_at IS NOT NULL;
    IF late.organizations IS NOT NULL THEN
        PERFORM usage_recount_open_months(counted, late.organizations, late.since);
    END IF;
    RETURN NULL;
END $$;

-- One argument is left: the metric.
CREATE OR REPLACE TRIGGER usage_user_added AFTER INSERT ON tenants_manageduser
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_added('users');
CREATE OR REPLACE TRIGGER usage_user_removed AFTER UPDATE ON tenants_manageduser
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_removed('users');
CREATE OR REPLACE TRIGGER usage_device_added AFTER INSERT ON tenants_device
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_added('devices');
CREATE OR REPLACE TRIGGER usage_device_removed AFTER UPDATE ON tenants_device
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION usage_count_removed('devices');

-- What an explanation shows is what was counted: names change by erasure only, and that is final.
CREATE TRIGGER usage_user_name_changed AFTER UPDATE ON tenants_manageduser
    FOR EACH ROW WHEN (
        (NEW.erased_at IS NULL AND NEW.email IS DISTINCT FROM OLD.email)
        OR (OLD.erased_at IS NOT NULL
            AND (NEW.erased_at, NEW.email, NEW.name, NEW.external_id)
                IS DISTINCT FROM (OLD.erased_at, OLD.email, OLD.name, OLD.external_id)))
    EXECUTE FUNCTION usage_refuse('A user keeps its e-mail address until it is erased, which is final.');
CREATE TRIGGER usage_device_name_changed AFTER UPDATE ON tenants_device
    FOR EACH ROW WHEN (NEW.name IS DISTINCT FROM OLD.name)
    EXECUTE FUNCTION usage_refuse('A device keeps its name: explanations show it.');

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
