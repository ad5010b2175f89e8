-- Rewrites the months whose number of active users differs from their rows; returns one row for each.
WITH counted AS (
    SELECT organization_id, month, count(*) AS count, max(first_seen_at) AS latest_at
    FROM usage_activeuser GROUP BY 1, 2
)
INSERT INTO usage_activemonth AS m (organization_id, month, count, latest_at)
SELECT organization_id, month, coalesce(c.count, 0), c.latest_at
FROM counted c FULL JOIN usage_activemonth stored USING (organization_id, month)
ON CONFLICT (organization_id, month)
    DO UPDATE SET count = excluded.count, latest_at = excluded.latest_at
    WHERE m.count <> excluded.count
RETURNING organization_id
