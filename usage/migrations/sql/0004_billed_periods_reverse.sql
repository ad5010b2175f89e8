SELECT set_config('mtp.search_path_before', current_setting('search_path'), true),
       set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

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

DROP TRIGGER usage_billed_period_added ON tenants_billedperiod;
DROP TRIGGER usage_billed_period_moved ON tenants_billedperiod;
DROP FUNCTION usage_billed_period_changed();
DROP FUNCTION usage_recount_month(date);
DROP FUNCTION usage_free_user_limit(tenants_meteringpolicy, timestamptz);
DROP VIEW usage_month_counted_from;

SELECT set_config('search_path', current_setting('mtp.search_path_before'), true);
