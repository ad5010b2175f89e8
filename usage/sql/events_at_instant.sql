-- One organization's events of a metric as a month includes them, each at its real instant; the part of a
-- statement that takes the place of the table. A frozen month includes the events until its freeze
-- (usage.models.FrozenMonth). `position` orders them. Only an organization with a report out of order or
-- late is counted again. PostgreSQL moves no condition into a union with a window: `recorded_in`, the part
-- of the statement's own condition that the instants of recording fulfil too, keeps it from reading the
-- whole log.
    SELECT id, at, delta, count_after, subject_id, actor_id, actor_name, via, id AS position
    FROM usage_usageevent
    WHERE organization_id = %(organization_id)s AND metric = %(metric)s AND {recorded_in} AND NOT EXISTS (
        SELECT FROM usage_usageevent l WHERE l.organization_id = %(organization_id)s
            AND l.metric = %(metric)s AND l.effective_at IS NOT NULL)
    UNION ALL
    SELECT id, coalesce(effective_at, at), delta, sum(delta) OVER by_instant, subject_id, actor_id,
           actor_name, via, row_number() OVER by_instant
    FROM usage_usageevent
    WHERE organization_id = %(organization_id)s AND metric = %(metric)s AND EXISTS (
        SELECT FROM usage_usageevent l WHERE l.organization_id = %(organization_id)s
            AND l.metric = %(metric)s AND l.effective_at IS NOT NULL)
        AND id <= coalesce((
            SELECT coalesce(f.last_event_id, 0) FROM usage_frozenmonth f WHERE f.month >= %(first_day)s
            ORDER BY f.month LIMIT 1), 9223372036854775807)
    WINDOW by_instant AS (ORDER BY coalesce(effective_at, at), id)
