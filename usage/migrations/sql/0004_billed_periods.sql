-- Usage is billed in the periods of tenants_billedperiod (docs/decisions/0031). Outside them the free
-- allowance applies, and a month that contains the beginning of one is counted from there on.

SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- The one place where the beginning of a month's count is decided. A month that is not here is counted
-- from its first instant. Events before `counted_from` belong to the count carried in.
CREATE VIEW usage_month_counted_from AS
    SELECT date_trunc('month', b.starts_at AT TIME ZONE p.billing_time_zone)::date AS month,
           min(b.starts_at) AS counted_from
    FROM tenants_billedperiod b JOIN tenants_meteringpolicy p ON p.id = 1
    GROUP BY 1;

-- The free allowance at an instant: none in a billed period.
CREATE FUNCTION usage_free_user_limit(policy tenants_meteringpolicy, at timestamptz) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF policy.free_user_limit IS NULL OR EXISTS (
        SELECT FROM tenants_billedperiod b
        WHERE b.starts_at <= at AND (b.ends_at IS NULL OR b.ends_at > at)) THEN
        RETURN NULL;
    END IF;
    RETURN policy.free_user_limit;
END $$;

-- Counts an open month again, because the instant from which it is counted has changed. A month before
-- without a row has the count that this one carried in: it gets its row first (docs/decisions/0004).
CREATE FUNCTION usage_recount_month(counted_month date) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO usage_monthlyusage (organization_id, metric, month, carried_in, high_water_mark)
        SELECT m.organization_id, m.metric, (counted_month - interval '1 month')::date,
               m.carried_in, m.carried_in
        FROM usage_monthlyusage m WHERE m.month = counted_month
        ON CONFLICT (organization_id, metric, month) DO NOTHING;
    UPDATE usage_monthlyusage m
    SET carried_in = r.carried_in, high_water_mark = greatest(r.carried_in, r.highest),
        peak_at = CASE WHEN r.highest > r.carried_in THEN r.highest_at END,
        peak_event_id = CASE WHEN r.highest > r.carried_in THEN r.highest_id END
    FROM (
        SELECT u.id, coalesce(before.count_after, 0) AS carried_in, peak.count_after AS highest,
               peak.at AS highest_at, peak.id AS highest_id
        FROM usage_monthlyusage u
        JOIN tenants_meteringpolicy p ON p.id = 1
        CROSS JOIN LATERAL (
            SELECT coalesce(
                       (SELECT c.counted_from FROM usage_month_counted_from c
                        WHERE c.month = counted_month),
                       counted_month::timestamp AT TIME ZONE p.billing_time_zone) AS starts_at,
                   (counted_month + interval '1 month') AT TIME ZONE p.billing_time_zone AS ends_at
        ) span
        LEFT JOIN LATERAL (
            SELECT e.count_after FROM usage_usageevent e
            WHERE e.organization_id = u.organization_id AND e.metric = u.metric
                AND e.at < span.starts_at
            ORDER BY e.at DESC, e.id DESC LIMIT 1
        ) before ON true
        LEFT JOIN LATERAL (
            SELECT e.count_after, e.at, e.id FROM usage_usageevent e
            WHERE e.organization_id = u.organization_id AND e.metric = u.metric
                AND e.at >= span.starts_at AND e.at < span.ends_at
            ORDER BY e.count_after DESC, e.id LIMIT 1
        ) peak ON true
        WHERE u.month = counted_month
    ) r
    WHERE m.id = r.id;
END $$;

-- A billed period begins in an open month, or with the first instant of a month, which changes no count.
CREATE FUNCTION usage_billed_period_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    policy tenants_meteringpolicy;
    instant timestamptz;
    counted_month date;
BEGIN
    PERFORM pg_advisory_xact_lock('usage_usageevent'::regclass::oid::bigint);
    SELECT * INTO policy FROM tenants_meteringpolicy WHERE id = 1;
    FOREACH instant IN ARRAY array_remove(ARRAY[
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.starts_at END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.starts_at END], NULL)
    LOOP
        counted_month := date_trunc('month', instant AT TIME ZONE policy.billing_time_zone)::date;
        CONTINUE WHEN instant = counted_month::timestamp AT TIME ZONE policy.billing_time_zone;
        IF instant < policy.closed_through THEN
            RAISE EXCEPTION USING ERRCODE = 'MT002', MESSAGE =
                'A closed month stays closed: no billed period begins inside it.';
        END IF;
        PERFORM usage_recount_month(counted_month);
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_billed_period_added AFTER INSERT OR DELETE ON tenants_billedperiod
    FOR EACH ROW EXECUTE FUNCTION usage_billed_period_changed();
CREATE TRIGGER usage_billed_period_moved AFTER UPDATE ON tenants_billedperiod
    FOR EACH ROW WHEN (OLD.starts_at <> NEW.starts_at)
    EXECUTE FUNCTION usage_billed_period_changed();

-- As in 0002_metering.sql, with the free allowance of the instant.
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

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
