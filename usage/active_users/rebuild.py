"""The number of each month, written anew from its active users."""

from django.db.backends.utils import CursorWrapper

GUARDS = {"usage_activemonth": "usage_activemonth_by_counting"}
REBUILD = """
    WITH counted AS (
        SELECT organization_id, month, count(*) AS count, max(first_seen_at) AS latest_at
        FROM usage_activeuser GROUP BY 1, 2
    )
    INSERT INTO usage_activemonth AS m (organization_id, month, count, latest_at)
    SELECT organization_id, month, coalesce(c.count, 0), c.latest_at
    FROM counted c FULL JOIN usage_activemonth known USING (organization_id, month)
    ON CONFLICT (organization_id, month)
        DO UPDATE SET count = excluded.count, latest_at = excluded.latest_at
        WHERE m.count <> excluded.count
    RETURNING organization_id
"""


def rebuild_active_months(cursor: CursorWrapper) -> int:
    """Write the months that are not the number of their rows; how many.

    Also of closed months: what is billed are the rows, which never change. For
    `usage.ledger.rebuild`, which holds the books and lifts the guards.
    """
    cursor.execute(REBUILD)
    return len(cursor.fetchall())
