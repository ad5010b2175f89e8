-- One organization's month of one metric in one pass: every local hour with events, and the two highest
-- local peaks that an addition made (docs/decisions/0009). A last row has the instant from which the
-- month is counted, if that is not its first one.
WITH moves AS MATERIALIZED (
    SELECT id, at, delta, count_after, subject_id, actor_id, actor_name, via, position,
           lead(delta) OVER in_order AS next_delta, lead(at) OVER in_order AS next_at,
           count(*) FILTER (WHERE delta = 1) OVER (PARTITION BY at ORDER BY position) AS together
    FROM ({events}) e
    WHERE at >= %(earliest)s AND at < %(latest)s
        AND at >= coalesce(
            (SELECT counted_from FROM usage_month_counted_from WHERE month = %(first_day)s), at)
        -- The database assigns events to months, and its tzdata may differ from Python's.
        AND at AT TIME ZONE %(zone)s >= %(first_day)s AND at AT TIME ZONE %(zone)s < %(next_first_day)s
    WINDOW in_order AS (ORDER BY position)
), hours AS (
    SELECT min(position) AS position, min(at) AS at,
           (min(ARRAY[position, count_after - delta]))[2] AS opening,
           (min(ARRAY[position, delta]))[2] AS first_delta,
           (max(ARRAY[position, count_after]))[2] AS closing,
           max(count_after) AS highest, min(count_after) AS lowest,
           count(*) FILTER (WHERE delta = 1) AS added, count(*) FILTER (WHERE delta = -1) AS removed
    FROM moves GROUP BY date_trunc('hour', at AT TIME ZONE %(zone)s)
), local_peaks AS (
    SELECT *, count(*) OVER (PARTITION BY count_after) AS times
    FROM moves WHERE delta = 1 AND next_delta IS DISTINCT FROM 1
    ORDER BY count_after DESC, position LIMIT 2
)
-- Hours as microseconds since 1970: converting a month of timestamps would take longer than the query.
SELECT true, position, NULL::timestamptz, closing, highest, lowest, added, removed, opening, first_delta,
       (extract(epoch FROM at) * 1000000)::bigint, NULL::timestamptz, NULL::bigint, NULL::bigint,
       NULL::bigint, NULL, NULL::bigint, NULL, NULL
FROM hours
UNION ALL
SELECT false, local_peaks.id, at, count_after, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       next_at, times, together, subject_id, s.name, actor_id, actor_name, via
FROM local_peaks LEFT JOIN usage_subject s ON s.metric = %(metric)s AND s.id = subject_id
UNION ALL
SELECT NULL, NULL, counted_from, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM usage_month_counted_from WHERE month = %(first_day)s
ORDER BY 1, 2
