-- Follows replayed.sql: writes the replayed months; returns one row for each that differed or was
-- missing. Closed months only with `closed_too`.
, replayed AS (
    SELECT l.* FROM months l JOIN tenants_meteringpolicy p ON p.id = 1
    WHERE %(closed_too)s OR p.closed_through IS NULL
        OR l.month::timestamp AT TIME ZONE p.billing_time_zone >= p.closed_through
)
INSERT INTO usage_monthlyusage AS m (organization_id, metric, month, carried_in, high_water_mark,
                                     peak_at, peak_event_id)
SELECT organization_id, metric, month, carried_in, high_water_mark, peak_at, peak_event_id
FROM replayed
ON CONFLICT (organization_id, metric, month) DO UPDATE
    SET carried_in = excluded.carried_in, high_water_mark = excluded.high_water_mark,
        peak_at = excluded.peak_at, peak_event_id = excluded.peak_event_id
    WHERE (m.carried_in, m.high_water_mark, m.peak_at, m.peak_event_id)
        IS DISTINCT FROM (excluded.carried_in, excluded.high_water_mark, excluded.peak_at,
                          excluded.peak_event_id)
RETURNING m.organization_id
